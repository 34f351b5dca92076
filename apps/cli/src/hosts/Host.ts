/**
 * A program that has MCP servers in a config of its own: where the config is, in which format, and where in it the servers are.
 *
 * Each program has a file here, which names the documents that say so.
 */
import type { Format, Path } from "../configText/ConfigText.ts"

/** Where this user is. */
export interface HostPlace {
  readonly home: string
  readonly platform: NodeJS.Platform
  readonly environment: Readonly<Record<string, string | undefined>>
  /** The working directory. */
  readonly directory: string
}

export type HostScope = "user" | "project"

/** A file that a program may have. */
export interface HostFile {
  /** Absolute. */
  readonly file: string
  readonly scope: HostScope
}

/** Where servers are in a document. */
export interface Container {
  readonly path: Path
  /** Where it says less than the whole file: for one project of the user's. */
  readonly scope?: HostScope
}

/** What an entry says, with the names that our own files have, and what of it was left out. */
export interface Adjusted {
  readonly entry: Readonly<Record<string, unknown>>
  readonly notes: ReadonlyArray<string>
}

export interface Host {
  /** As it is named on the command line. */
  readonly name: string
  readonly title: string
  /** The address of the documents that say where its config is and how it is written. */
  readonly documents: string
  readonly format: Format
  readonly files: (place: HostPlace) => ReadonlyArray<HostFile>
  /** In the order in which they count. Those that are not there are passed over. */
  readonly containers: (place: HostPlace, document: unknown) => ReadonlyArray<Container>
  /** Where else there are servers, for other projects of the user's: they are adopted, too, and not imported. */
  readonly elsewhere?: (document: unknown) => ReadonlyArray<Path>
  /** What `timeout` counts. */
  readonly timeout: "milliseconds" | "seconds"
  /** `$NAME` stands for an environment variable. */
  readonly readsDollar?: boolean
  /** Makes an entry one with our names. A text is the reason why there is no server in it for other programs. */
  readonly adjust?: (entry: Readonly<Record<string, unknown>>) => Adjusted | string
  /** The member of an entry that names the program. */
  readonly command: "command" | "cmd"
}

/** What most have. */
export const json = { format: "json", timeout: "milliseconds", command: "command" } as const

/** Most keep servers in one place, under this name. */
export const under = (...path: Path): Host["containers"] => () => [{ path }]

/** A folder below the user's home. */
export const atHome = (...parts: ReadonlyArray<string>) => ({ home }: HostPlace): string => [home, ...parts].join("/")

/** A folder of settings as the system has it: `~/Library/Application Support`, `%APPDATA%`, `~/.config`. */
export const settings = ({ environment, home, platform }: HostPlace, ...parts: ReadonlyArray<string>): string => {
  const folder = platform === "darwin"
    ? `${home}/Library/Application Support`
    : platform === "win32"
    ? environment["APPDATA"] || `${home}/AppData/Roaming`
    : xdgConfig({ environment, home })
  return [folder, ...parts].join("/")
}

/** `~/.config`, or what the user says instead. */
export const xdgConfig = ({ environment, home }: Pick<HostPlace, "environment" | "home">): string => {
  const said = environment["XDG_CONFIG_HOME"] ?? ""
  return said.startsWith("/") ? said : `${home}/.config`
}

/** The configs of programs as they are on this machine: read, with their servers. */
import { nearNames } from "@holdfast/mcp/NearNames"
import * as Effect from "effect/Effect"
import { CliFailure } from "../CliFailure.ts"
import { type ConfigText, isMembers, type Path, valueAt } from "../configText/ConfigText.ts"
import * as EditedFile from "../EditedFile.ts"
import { ExitCode } from "../ExitCode.ts"
import * as configFiles from "../internal/configFiles.ts"
import { printable } from "../Style.ts"
import type { Host, HostFile, HostPlace, HostScope } from "./Host.ts"
import { hostNamed, hosts } from "./Hosts.ts"

/** A file of a program that is there. */
export interface FoundFile extends HostFile {
  readonly host: Host
  readonly read: configFiles.ReadFile
  readonly document: ConfigText
}

/** An entry in it. */
export interface FoundEntry {
  readonly name: string
  readonly path: Path
  readonly value: unknown
  readonly scope: HostScope
}

/** The programs that are meant. */
export const named = (name: string): Effect.Effect<Host, CliFailure> => {
  const host = hostNamed(name)
  if (host !== undefined) return Effect.succeed(host)
  const names = hosts.map((each) => each.name)
  const near = nearNames(name, names)
  return Effect.fail(
    new CliFailure({
      exitCode: ExitCode.usage,
      reason: "UnknownHost",
      message: printable(`unknown program ${name}${near.length > 0 ? `; did you mean ${near.join(" or ")}?` : ""}`),
      details: `  Known: ${names.join(", ")}`
    })
  )
}

export const placeIn = (directory: string): HostPlace => ({ ...configFiles.userPlace(), directory })

/** Where a program may have a config. In the user's home the file of a project may be the user's own. */
export const filesOf = (host: Host, place: HostPlace): ReadonlyArray<HostFile> => {
  const files = new Map<string, HostFile>()
  for (const each of host.files(place)) {
    if (each.scope === "user" || !files.has(each.file)) files.set(each.file, each)
  }
  return [...files.values()]
}

/** Reads a file. Undefined: it is not there, or empty. */
export const open = Effect.fnUntraced(function*(host: Host, { file, scope }: HostFile) {
  const read = yield* EditedFile.inFile(file, () => configFiles.read(file))
  if (read === undefined || read.text.trim() === "") return undefined
  const document = yield* EditedFile.parse(file, read.text, host.format)
  return { host, file, scope, read, document } satisfies FoundFile
})

/** The entries of a file, each name once for each of its places. */
export const entriesOf = ({ document, host, scope }: FoundFile, place: HostPlace): ReadonlyArray<FoundEntry> =>
  host.containers(place, document.value).flatMap((container) => {
    const servers = valueAt(document.value, container.path)
    return isMembers(servers)
      ? Object.entries(servers).map(([name, value]) => ({
        name,
        path: [...container.path, name],
        value,
        scope: container.scope ?? scope
      }))
      : []
  })

/** The paths of the entries in one place. */
export const namesAt = (document: ConfigText, container: Path): ReadonlyArray<Path> => {
  const servers = valueAt(document.value, container)
  return isMembers(servers) ? Object.keys(servers).map((name) => [...container, name]) : []
}

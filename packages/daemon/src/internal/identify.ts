/**
 * Wraps the platform: what a server is, as far as files tell it without starting anything.
 *
 * A command is the file it leads to, the script that it runs, and the package that these belong to; a server of a config is the config.
 * A file counts by its length and its time of change: a program that was built again is another one.
 */
import * as ChildEnvironment from "@holdfast/process/ChildEnvironment"
import * as HomeDirectory from "@holdfast/process/HomeDirectory"
import * as fs from "node:fs"
import * as path from "node:path"
import type * as Hello from "../Hello.ts"
import * as SessionVariables from "../SessionVariables.ts"

export type ServerWish = Exclude<Hello.Wish, { readonly daemon: true }>

type Environment = Readonly<Record<string, string | undefined>>

/** What a server is, and the long parts of that by themselves. */
export interface Identity {
  readonly environment: ReadonlyArray<readonly [name: string, value: string]>
  /** Of the config that has it. */
  readonly text?: string
  readonly [more: string]: unknown
}

/** Equal for what is the same server. Holds the values of its environment: to be digested, never to be written down. */
export const identify = (wants: ServerWish, environment: Environment, directory: string): Identity => {
  const handed = SessionVariables.without(
    Object.fromEntries(Object.entries(environment).filter((entry): entry is [string, string] => entry[1] !== undefined))
  )
  if ("server" in wants) {
    const text = readText(wants.config)
    const allowed = ChildEnvironment.select(handed)
    // A variable that a config refers to is named in it.
    const named = Object.entries(handed).filter(([name]) => name in allowed || text.includes(name))
    return { ...wants, text, environment: named.toSorted(byName) }
  }
  if ("http" in wants) return { ...wants, environment: [] }
  const { args, command, cwd = directory, env, inheritEnv } = wants.endpoint
  const given = ChildEnvironment.select(handed, {
    ...(env && { env }),
    inheritEnv: inheritEnv === true
  })
  return {
    command,
    args,
    cwd,
    environment: Object.entries(given).toSorted(byName),
    ...programOf(command, args, cwd, given)
  }
}

/** Programs whose first argument that is a file is the program. */
const interpreters = /^(node|nodejs|bun|deno|tsx|ts-node|python|python3|pypy3?|ruby|perl|php|bash|sh|uv|uvx)[\d.]*$/

/** Programs that run a package by its name. */
const runners = /^(npx|pnpx|bunx)$/

const programOf = (command: string, args: ReadonlyArray<string>, cwd: string, environment: Environment): object => {
  const name = path.basename(command)
  const program = findProgram(command, cwd, environment["PATH"] ?? "")
  const file = program === undefined ? undefined : stampOf(program)
  if (runners.test(name)) return { file, package: packageOfRunner(args, cwd, environment) }
  if (!interpreters.test(name)) return { file, package: program && packageAbove(program) }
  const script = args.map((arg) => path.resolve(cwd, arg)).find((each) => stampOf(each) !== undefined)
  const real = script === undefined ? undefined : realPath(script)
  return { file, script: real && stampOf(real), package: real && packageAbove(real) }
}

const findProgram = (command: string, cwd: string, searched: string): string | undefined => {
  const candidates = command.includes("/")
    ? [path.resolve(cwd, command)]
    : searched.split(path.delimiter).filter((each) => each !== "").map((folder) => path.resolve(cwd, folder, command))
  const found = candidates.find((each) => stampOf(each) !== undefined)
  return found === undefined ? undefined : realPath(found)
}

/** A file as it is now. Undefined: there is none. */
const stampOf = (file: string): string | undefined => {
  const entry = quietly(() => fs.statSync(file, { throwIfNoEntry: false }))
  return entry?.isFile() === true ? `${file} ${entry.size} ${entry.mtimeMs}` : undefined
}

const realPath = (file: string): string => quietly(() => fs.realpathSync(file)) ?? file

/** Name and version of the package that a file belongs to. */
const packageAbove = (file: string): string | undefined => {
  for (let folder = path.dirname(file);; folder = path.dirname(folder)) {
    const found = versionIn(path.join(folder, "package.json"))
    if (found !== undefined || folder === path.dirname(folder)) return found
  }
}

const versionIn = (file: string): string | undefined => {
  const text = readText(file)
  if (text === "") return undefined
  const { name, version } = quietly((): { readonly name?: unknown; readonly version?: unknown } => JSON.parse(text)) ??
    {}
  // One without a version is a marker, such as `{ "type": "module" }`: the package is further up.
  return typeof version === "string" ? `${String(name)}@${version}` : undefined
}

/** The package that `npx` would run: one that is installed where it is called, or one that it has fetched before. */
const packageOfRunner = (args: ReadonlyArray<string>, cwd: string, environment: Environment): string | undefined => {
  const stated = args.findIndex((arg) => arg === "-p" || arg === "--package")
  const spec = stated >= 0 ? args[stated + 1] : args.find((arg) => !arg.startsWith("-"))
  const name = spec === undefined ? undefined : /^(@[^/@]+\/)?[^/@]+/.exec(spec)?.[0]
  if (spec === undefined || name === undefined) return undefined
  for (let folder = cwd;; folder = path.dirname(folder)) {
    const found = versionIn(path.join(folder, "node_modules", name, "package.json"))
    if (found !== undefined) return found
    if (folder === path.dirname(folder)) break
  }
  const cache = environment["npm_config_cache"] || path.join(HomeDirectory.of(environment), ".npm")
  // As npm names the folder of one package.
  const { createHash } = process.getBuiltinModule("node:crypto")
  const digest = createHash("sha512").update(spec).digest("hex").slice(0, 16)
  return versionIn(path.join(cache, "_npx", digest, "node_modules", name, "package.json"))
}

const readText = (file: string): string => quietly(() => fs.readFileSync(file, "utf8")) ?? ""

/** What cannot be read says nothing about a server. */
const quietly = <A>(read: () => A): A | undefined => {
  try {
    return read()
  } catch {
    return undefined
  }
}

const byName = ([a]: readonly [string, string], [b]: readonly [string, string]): number => a < b ? -1 : a > b ? 1 : 0

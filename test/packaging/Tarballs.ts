/**
 * The workspace as a user gets it: every public package built, packed, and installed in a folder outside of the workspace.
 *
 * The folder is temporary and belongs to whoever asked for it: `remove` takes it away. Installing asks the registry that the
 * machine's npm is set up with.
 */
import { spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { stamp } from "./Stamp.ts"

export const root = Path.resolve(import.meta.dirname, "../..")

/** What is read of a package.json. */
export interface Manifest {
  readonly name: string
  readonly version: string
  readonly private?: boolean
  readonly description?: string
  readonly license?: string
  readonly keywords?: ReadonlyArray<string>
  readonly repository?: { readonly url: string; readonly directory: string }
  readonly homepage?: string
  readonly bugs?: string
  readonly engines?: { readonly node?: string }
  readonly publishConfig?: { readonly access?: string; readonly provenance?: boolean }
  readonly bin?: Readonly<Record<string, string>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
  readonly exports?: Readonly<Record<string, unknown>>
}

export interface Tarball {
  /** The package's folder in the workspace. */
  readonly source: string
  readonly path: string
  readonly manifest: Manifest
  /** Paths within the package. */
  readonly files: ReadonlyArray<string>
  /** Public modules as a user imports them, without the package's name: `""`, `ConnectionPool`. */
  readonly modules: ReadonlyArray<string>
}

export interface Installation {
  readonly folder: string
  readonly tarballs: ReadonlyArray<Tarball>
  readonly remove: () => void
}

/** Runs a command to its end; throws with everything it printed if it fails. */
export const run = (cwd: string, command: string, ...args: ReadonlyArray<string>): string => {
  const { error, status, stderr, stdout } = spawnSync(command, args, {
    cwd,
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 600_000,
    env: cleanEnvironment()
  })
  if (status !== 0) {
    throw new Error(`${command} ${args.join(" ")} (${error?.message ?? `exit ${status}`})\n${stdout}${stderr}`)
  }
  return stdout
}

/** The pnpm that runs this test, which it puts into the PATH of its scripts; else any 12.x, as the README has it. */
const pnpm = (...args: ReadonlyArray<string>): string => {
  const present = spawnSync("pnpm", ["--version"], { encoding: "utf8", env: cleanEnvironment() })
  return present.stdout?.startsWith("12.") ? run(root, "pnpm", ...args) : run(root, "npx", "--yes", "pnpm@12", ...args)
}

/** Built and packed into a folder. */
export const packed = (folder: string): ReadonlyArray<Tarball> => {
  build()
  return pack(folder)
}

export const install = (versions: Readonly<Record<string, string>>): Installation => {
  const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "packed-"))
  const remove = () => Fs.rmSync(folder, { recursive: true, force: true })
  try {
    const tarballs = packed(folder)
    const dependencies = Object.fromEntries(tarballs.map(({ manifest, path }) => [manifest.name, `file:${path}`]))
    npmInstall(folder, { ...dependencies, ...versions })
    return { folder, tarballs, remove }
  } catch (error) {
    remove()
    throw error
  }
}

export const build = (): void => void run(root, process.execPath, "scripts/build.ts")

/** Installs these, and nothing else, in a folder that has nothing installed. */
export const npmInstall = (folder: string, dependencies: Readonly<Record<string, string>>): void => {
  Fs.writeFileSync(Path.join(folder, "package.json"), JSON.stringify({ private: true, type: "module", dependencies }))
  run(folder, "npm", "install", ...npmFlags)
}

export const npmFlags = [
  "--no-audit",
  "--no-fund",
  "--no-package-lock",
  "--ignore-scripts",
  "--prefer-offline"
] as const

/** Versions as the workspace has them installed: at its root, or in `<folder>/` of it. */
export const installedVersions = (...names: ReadonlyArray<string>): Readonly<Record<string, string>> =>
  Object.fromEntries(names.map((name) => {
    const path = name.startsWith("test/") ? name.replace("test/", "test/node_modules/") : `node_modules/${name}`
    return [name.replace("test/", ""), readManifest(Path.join(root, path, "package.json")).version]
  }))

/** Packs every public package into the folder. They are to be built. What is there in the end is what is published, byte for byte. */
export const pack = (folder: string): ReadonlyArray<Tarball> => {
  const sources = Fs.globSync("{packages,apps}/*/package.json", { cwd: root })
    .map((path) => Path.dirname(path))
    .filter((source) => readManifest(Path.join(root, source, "package.json")).private !== true)
    .toSorted()
  const filters = sources.flatMap((source) => ["--filter", `./${source}`])
  pnpm("--recursive", ...filters, "pack", "--pack-destination", folder)
  return sources.map((source) => {
    stamp(pathOf(folder, source), source)
    return tarballOf(folder, source)
  })
}

const pathOf = (folder: string, source: string): string => {
  const { name, version } = readManifest(Path.join(root, source, "package.json"))
  return Path.join(folder, `${name.replace("@", "").replace("/", "-")}-${version}.tgz`)
}

/** What is in the tarball of a package that has been packed into the folder. */
export const tarballOf = (folder: string, source: string): Tarball => {
  const path = pathOf(folder, source)
  const files = run(folder, "tar", "-tzf", path).trim().split("\n").map((file) => file.replace(/^package\//, ""))
  // Written by pnpm from a manifest that the workspace's own tools have read.
  const manifest = JSON.parse(run(folder, "tar", "-xOzf", path, "package/package.json")) as Manifest
  return { source, path, manifest, files, modules: modulesOf(manifest, files) }
}

const modulesOf = (manifest: Manifest, files: ReadonlyArray<string>): ReadonlyArray<string> => {
  const names = Object.keys(manifest.exports ?? {})
  const isClosed = (module: string): boolean => manifest.exports?.[`./${module.split("/")[0]}/*`] === null
  const all = names.includes("./*")
    ? files.flatMap((file) => /^dist\/(.+)\.js$/.exec(file)?.[1] ?? []).filter((module) => !isClosed(module))
    : names.filter((name) => name.startsWith("./") && !name.endsWith(".json")).map((name) => name.slice(2))
  // A program is no module: its path is closed.
  return ["", ...all.filter((name) => name !== "index" && manifest.exports?.[`./${name}`] !== null)]
}

// The shape is npm's; only names and ranges are read.
export const readManifest = (path: string): Manifest => JSON.parse(Fs.readFileSync(path, "utf8")) as Manifest

/**
 * Nothing of the workspace: no settings that pnpm or vitest hand to their scripts, none that change how Node loads modules.
 * Node trusts the machine's certificates, as the npm that came with the machine does.
 */
export const cleanEnvironment = (): Record<string, string | undefined> => ({
  ...Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(npm_|pnpm_|NODE_OPTIONS|NODE_PATH|VITEST|INIT_CWD)/i.test(name))
  ),
  NODE_USE_SYSTEM_CA: "1"
})

/** The packages as users have them: each Node, each TypeScript, modules of both kinds, a bundle, a thread, the command by npx. */
import { spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { cleanEnvironment, installedVersions, npmFlags, npmInstall, run, type Tarball } from "../Tarballs.ts"

/** The Nodes, by the name that their rows have. npm has them as packages for Linux. */
export const nodeVersions = ["22.19.0", process.versions.node, "26.10.0"] as const

const typescriptOf = (version: "5.9" | "7"): string =>
  version === "5.9" ? "5.9.3" : installedVersions("typescript")["typescript"] ?? version

const consumer = Path.join(import.meta.dirname, "../consumer")

/** One folder with all that the rows need; `node_modules` holds the Nodes, too. */
export const installTools = (folder: string, tarballs: ReadonlyArray<Tarball>): void => {
  Fs.mkdirSync(folder, { recursive: true })
  Fs.cpSync(consumer, folder, { recursive: true })
  const nodes = process.platform === "linux"
    ? Object.fromEntries(
      nodeVersions.filter((version) => version !== process.versions.node)
        .map((version) => [`node-${version}`, `npm:node-linux-${process.arch}@${version}`])
    )
    : {}
  npmInstall(folder, {
    ...filesOf(tarballs),
    ...installedVersions(
      "@types/node",
      "effect",
      "test/@effect/platform-node",
      "test/@modelcontextprotocol/sdk",
      "test/zod"
    ),
    esbuild: "0.28.2",
    "typescript-5.9": `npm:typescript@${typescriptOf("5.9")}`,
    "typescript-7": `npm:typescript@${typescriptOf("7")}`,
    ...nodes
  })
  Fs.rmSync(Path.join(folder, "node_modules/.bin/node"), { force: true })
}

export const filesOf = (tarballs: ReadonlyArray<Tarball>): Readonly<Record<string, string>> =>
  Object.fromEntries(tarballs.map(({ manifest, path }) => [manifest.name, `file:${path}`]))

/** The path of a Node; undefined where npm has none for this machine. */
export const nodeAt = (tools: string, version: string): string | undefined => {
  if (version === process.versions.node) return process.execPath
  const path = Path.join(tools, "node_modules", `node-${version}`, "bin/node")
  return Fs.existsSync(path) ? path : undefined
}

/** Where the packages and their peers are installed by this Node, with nothing else. */
export interface Place {
  readonly node: string
  readonly folder: string
}

/** In an empty folder, by the npm of this machine running on that Node, with Node's version held against `engines`. */
export const install = ({ folder, node }: Place, tarballs: ReadonlyArray<Tarball>): string => {
  Fs.mkdirSync(folder, { recursive: true })
  const dependencies = { ...filesOf(tarballs), ...installedVersions("effect", "test/@effect/platform-node") }
  Fs.writeFileSync(Path.join(folder, "package.json"), JSON.stringify({ private: true, type: "module", dependencies }))
  const npm = Fs.realpathSync(run(folder, "sh", "-c", "command -v npm").trim())
  runOn({ folder, node }, npm, "install", "--engine-strict", ...npmFlags)
  Fs.cpSync(consumer, folder, { recursive: true, filter: (path) => !path.endsWith("package.json") })
  return `${Fs.globSync("node_modules/{,@*/}*/package.json", { cwd: folder }).length} packages`
}

/** A program on this Node, which is also the one that `node` means to what it starts. */
export const runOn = ({ folder, node }: Place, ...args: ReadonlyArray<string>): string => {
  const env = cleanEnvironment()
  const { error, status, stderr, stdout } = spawnSync(node, args, {
    cwd: folder,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 300_000,
    env: {
      ...env,
      PATH: `${Path.dirname(node)}:${env["PATH"]}`,
      XDG_RUNTIME_DIR: Path.join(folder, ".run"),
      XDG_STATE_HOME: Path.join(folder, ".state"),
      HOLDFAST_NO_DAEMON: "1"
    }
  })
  if (status !== 0) throw new Error(`${args.join(" ")} (${error?.message ?? `exit ${status}`})\n${stdout}${stderr}`)
  return stdout
}

export const mustSay = (said: string, expected: string): string => {
  if (!said.includes(expected)) throw new Error(`it said ${JSON.stringify(said)}, and not ${expected}`)
  return ""
}

export const modulesOf = (tarballs: ReadonlyArray<Tarball>): ReadonlyArray<string> =>
  tarballs.flatMap(({ manifest, modules }) => modules.map((module) => Path.posix.join(manifest.name, module)))
    // For these a user installs the SDK, zod or a client of Postgres.
    .filter((module) => !module.startsWith("@holdfast/jobs/mcp"))

export const esModules = (place: Place, modules: ReadonlyArray<string>): string => {
  const program = `for (const module of ${JSON.stringify(modules)}) await import(module); console.log("loaded")`
  mustSay(runOn(place, "--input-type=module", "-e", program), "loaded")
  mustSay(runOn(place, "main.ts"), "hello from outside")
  return `${modules.length} modules, a call`
}

export const commonJs = (place: Place, modules: ReadonlyArray<string>): string => {
  mustSay(runOn(place, "required.cjs", ...modules), "hello\n")
  return `${modules.length} modules, a call`
}

/** `tools`: where esbuild is. */
export const bundles = (place: Place, tools: string): string => {
  for (const [format, end] of [["esm", "mjs"], ["cjs", "cjs"]] as const) {
    const file = Path.join(tools, `client.${end}`)
    if (!Fs.existsSync(file)) {
      const flags = ["--bundle", "--platform=node", "--log-level=error", `--format=${format}`, `--outfile=${file}`]
      run(tools, Path.join(tools, "node_modules/esbuild/bin/esbuild"), "client.ts", ...flags)
    }
    mustSay(runOn(place, file), `["web__shout","HELLO"]`)
  }
  return "esm, cjs; stdio, HTTP"
}

export const thread = (place: Place): string => mustSay(runOn(place, "worker.mjs"), "from a thread\n") || "a call"

/** `npx holdfast`, which is the one that is installed here. */
export const npx = (place: Place): string => {
  const npm = Path.dirname(Fs.realpathSync(run(place.folder, "sh", "-c", "command -v npm").trim()))
  const holdfast = (...words: ReadonlyArray<string>) =>
    runOn(place, Path.join(npm, "npx-cli.js"), "--no", "holdfast", ...words)
  mustSay(holdfast("tools", "--config", "mcp.json"), "Says what it is told")
  mustSay(holdfast("call", "echo", "echo", "text=by npx", "--config", "mcp.json"), "by npx")
  return "tools, call"
}

export const compile = (tools: string, version: "5.9" | "7"): string => {
  const tsc = Path.join(tools, `node_modules/typescript-${version}/bin/tsc`)
  const said = run(tools, process.execPath, tsc, "-p", "tsconfig.json")
  if (said !== "") throw new Error(said)
  return `${typescriptOf(version)}, skipLibCheck off`
}

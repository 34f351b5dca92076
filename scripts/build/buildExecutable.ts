/**
 * The command `holdfast` as one executable file, for machines without Node: Node's own binary with the whole program in it (a "single executable
 * application"). The daemon that it starts is the same file, by a word of its own, and so is the shim.
 *
 * **Gotchas**: on macOS the signature of the binary is taken off before and an ad-hoc one is put on after: an executable that is handed to others is
 * signed by its maker (`codesign --sign <identity> --options runtime holdfast`) and notarized. The Node is the one that runs this script.
 */
import { spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import { createRequire } from "node:module"
import * as Path from "node:path"
import { rolldown } from "rolldown"

const entry = "\0executable"

/** As in Node's documentation. */
const fuse = "NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2"

/** What a program that is bundled with the SDK does not need: its other version. */
const absent: ReadonlySet<string> = new Set(["@modelcontextprotocol/client"])

export interface Executable {
  readonly file: string
  /** Beside it: what it holds of others, with their licenses. */
  readonly notices: string
  readonly bytes: number
}

/** `root`: of the workspace, which is built; `folder`: for the file. */
export const buildExecutable = async (root: string, folder: string): Promise<Executable> => {
  Fs.mkdirSync(folder, { recursive: true })
  const bundle = Path.join(folder, "holdfast.cjs")
  const modules = await bundleProgram(root, bundle)
  const config = Path.join(folder, "sea-config.json")
  const blob = Path.join(folder, "holdfast.blob")
  const file = Path.join(folder, process.platform === "win32" ? "holdfast.exe" : "holdfast")
  Fs.writeFileSync(
    config,
    JSON.stringify({ main: bundle, output: blob, disableExperimentalSEAWarning: true, useCodeCache: true })
  )
  run(process.execPath, "--experimental-sea-config", config)
  Fs.rmSync(file, { force: true })
  Fs.copyFileSync(Fs.realpathSync(process.execPath), file)
  Fs.chmodSync(file, 0o755)
  const isMac = process.platform === "darwin"
  if (isMac) run("codesign", "--remove-signature", file)
  const postject = Path.join(root, "node_modules/postject/dist/cli.js")
  const segment = isMac ? ["--macho-segment-name", "NODE_SEA"] : []
  run(process.execPath, postject, file, "NODE_SEA_BLOB", blob, "--sentinel-fuse", fuse, ...segment)
  if (isMac) run("codesign", "--sign", "-", file)
  const notices = Path.join(folder, "THIRD-PARTY-NOTICES.txt")
  Fs.writeFileSync(notices, noticesOf(modules))
  for (const made of [bundle, config, blob]) Fs.rmSync(made)
  return { file, notices, bytes: Fs.statSync(file).size }
}

/** Writes the program as one file of CommonJS, which is what Node 24 takes, and says which modules are in it. */
const bundleProgram = async (root: string, file: string): Promise<ReadonlyArray<string>> => {
  const cli = Path.join(root, "apps/cli")
  const main = Path.join(cli, "src/main.ts")
  const program = `
    import { executableWord } from "@holdfast/daemon/internal/startDaemon"
    if (process.argv[2] === executableWord) void import("@holdfast/daemon/DaemonProcess").then(({ background }) => background())
    else void import(${JSON.stringify(main)})
  `
  const require = createRequire(Path.join(cli, "package.json"))
  const bundle = await rolldown({
    input: entry,
    platform: "node",
    external: [...absent],
    // Effect asks for it, for bundlers that know an environment.
    transform: { define: { "import.meta.env": "undefined" } },
    plugins: [{
      name: "executable",
      resolveId: (id) =>
        id === entry
          ? id
          // The package says that none of its modules does anything by itself. This one does.
          : id === main
          ? { id, moduleSideEffects: true }
          : id === "@holdfast/daemon/internal/startDaemon"
          ? Path.join(root, "packages/daemon/src/internal/startDaemon.ts")
          : id.startsWith("@holdfast/daemon/")
          ? require.resolve(id)
          : undefined,
      load: (id) => id === entry ? program : undefined
    }]
  })
  const { output } = await bundle.write({ file, format: "cjs", codeSplitting: false })
  await bundle.close()
  return output.flatMap((chunk) => chunk.type === "chunk" ? chunk.moduleIds : [])
}

/** Each package of others with its license, Node first. */
const noticesOf = (modules: ReadonlyArray<string>): string => {
  const folders = new Set(modules.flatMap((id) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(id)?.[0] ?? []))
  const ofPackages = [...folders].map((folder) => {
    // The shape is npm's; only these members are read.
    const { license, name, version } = JSON.parse(Fs.readFileSync(Path.join(folder, "package.json"), "utf8")) as {
      readonly license?: string
      readonly name: string
      readonly version: string
    }
    const text = Fs.readdirSync(folder).find((name) => /^licen[cs]e/i.test(name))
    const words = text === undefined
      ? "(The package holds no file with its license.)"
      : Fs.readFileSync(Path.join(folder, text), "utf8")
    return `${name} ${version} (${license ?? "no license is named"})\n\n${words.trim()}\n`
  })
  const line = `\n${"-".repeat(80)}\n\n`
  const node =
    `Node.js ${process.versions.node}: https://github.com/nodejs/node/blob/v${process.versions.node}/LICENSE\n`
  return ["This program holds the following software of others.\n", node, ...ofPackages.toSorted()].join(line)
}

const run = (command: string, ...args: ReadonlyArray<string>): void => {
  const { error, status, stderr, stdout } = spawnSync(command, args, { encoding: "utf8" })
  if (status !== 0) {
    throw new Error(`${command} ${args.join(" ")}: ${error?.message ?? `exit ${status}`}\n${stdout}${stderr}`)
  }
}

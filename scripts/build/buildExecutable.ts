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
import { bundles, outside, withoutComments } from "./bundleCli.ts"

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
  const parts = Fs.mkdtempSync(Path.join(folder, "parts-"))
  try {
    return await buildOf(root, folder, parts)
  } finally {
    Fs.rmSync(parts, { recursive: true })
  }
}

const buildOf = async (root: string, folder: string, parts: string): Promise<Executable> => {
  const at = (name: string): string => Path.join(parts, name)
  const modules = await bundleProgram(root, parts)
  for (const name of Object.keys(bundles)) {
    const text = Fs.readFileSync(Path.join(root, "apps/cli/dist", `${name}.cjs`), "utf8")
    Fs.writeFileSync(at(name), partOf(text.replaceAll(/\bimport\((["'`][^"'`]+["'`])\)/g, "importOf($1)")))
  }
  run(process.execPath, Path.join(import.meta.dirname, "cacheOfPart.ts"), at("whole"), at("whole.cache"))
  const page = ["page.js", "page.css"].map((name) => [name, Path.join(root, "packages/dashboard/dist/page", name)])
  const assets = {
    ...Object.fromEntries([...Object.keys(bundles), "whole", "whole.cache"].map((name) => [name, at(name)])),
    ...Object.fromEntries(page)
  }
  const config = at("sea-config.json")
  const blob = at("holdfast.blob")
  const file = Path.join(folder, process.platform === "win32" ? "holdfast.exe" : "holdfast")
  Fs.writeFileSync(
    config,
    JSON.stringify({ main: at("main.cjs"), output: blob, disableExperimentalSEAWarning: true, assets })
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
  return { file, notices, bytes: Fs.statSync(file).size }
}

/** A part of the executable, from the text of CommonJS: a function, as `executableParts.ts` calls it. */
const partOf = (text: string): string =>
  `(function (exports, require, __filename, importOf) {${inAscii(text.replace(/^#!.*/, ""))}\n})`

/** For a single other character V8 keeps, and reads at each start, two bytes of all of them. */
const inAscii = (text: string): string => {
  const [raw] = /String\.raw`[^`]*[^\0-\x7f][^`]*`/.exec(text) ?? []
  if (raw !== undefined) throw new Error(`it would not mean the same: ${raw}`)
  return text.replaceAll(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
}

/** The whole program as a part, and the main script that loads the parts. Says which modules are in them. */
const bundleProgram = async (root: string, folder: string): Promise<ReadonlyArray<string>> => {
  const require = createRequire(Path.join(root, "apps/cli/package.json"))
  const daemon = (module: string): string => JSON.stringify(require.resolve(`@holdfast/daemon/${module}`))
  const programs = {
    main: `
      import { executableWord } from ${JSON.stringify(Path.join(root, "packages/daemon/src/internal/startDaemon.ts"))}
      import { start } from ${JSON.stringify(Path.join(import.meta.dirname, "executableParts.ts"))}
      start(executableWord)
    `,
    whole: `export const modules = {
      daemon: () => import(${daemon("DaemonProcess")}),
      ${
      [...outside].filter(([, id]) => !id.endsWith(".cjs")).map(([source, id]) =>
        `${JSON.stringify(id)}: () => import(${JSON.stringify(Path.join(root, source))})`
      ).join(",\n")
    },
      "#jsonc-parser": () => import("#jsonc-parser")
    }`
  }
  const modules = await Promise.all(
    Object.entries(programs).map(async ([name, program]) => {
      const entry = Path.join(root, "apps/cli/src", `\0${name}`)
      const bundle = await rolldown({
        input: entry,
        platform: "node",
        // Effect asks for it, for bundlers that know an environment.
        transform: { define: { "import.meta.env": "undefined" } },
        plugins: [{
          name: "executable",
          resolveId: (id) => id === entry || absent.has(id) ? id : undefined,
          load: (id) =>
            id === entry ? program : absent.has(id) ? `throw new Error("${id} is not in this program")` : undefined
        }]
      })
      const { output } = await bundle.write({
        file: Path.join(folder, `${name}.cjs`),
        format: "cjs",
        codeSplitting: false,
        minify: withoutComments
      })
      await bundle.close()
      return output.flatMap((chunk) => chunk.type === "chunk" ? chunk.moduleIds : [])
    })
  )
  const whole = Path.join(folder, "whole")
  Fs.writeFileSync(whole, partOf(Fs.readFileSync(`${whole}.cjs`, "utf8")))
  return modules.flat()
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

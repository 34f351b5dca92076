/**
 * An installation without version 1 of the SDK, beside the others: the packages that can do without it, and version 2 for servers. What is asked of it is
 * the same in the packaging test and in a release.
 */
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { installedVersions, npmInstall, readManifest, root, run, type Tarball } from "./Tarballs.ts"

/** They and what is imported by them. */
const packages = ["core", "dashboard", "jobs", "mcp", "process", "protocol", "server", "testkit"].map((name) =>
  `@holdfast/${name}`
)

/** Modules for tools of the SDK: it is a part of what they take, so that their programs have it. */
const onSdk = "@holdfast/jobs/mcp"

export interface WithoutSdk {
  readonly folder: string
  readonly modules: ReadonlyArray<string>
  readonly remove: () => void
}

export const installWithoutSdk = (tarballs: ReadonlyArray<Tarball>): WithoutSdk => {
  const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "without-sdk-"))
  const remove = () => Fs.rmSync(folder, { recursive: true, force: true })
  try {
    Fs.cpSync(Path.join(import.meta.dirname, "consumer"), folder, { recursive: true })
    const taken = tarballs.filter(({ manifest }) => packages.includes(manifest.name))
    npmInstall(folder, {
      ...Object.fromEntries(taken.map(({ manifest, path }) => [manifest.name, `file:${path}`])),
      ...installedVersions(
        "@types/node",
        "effect",
        "typescript",
        "test/@effect/platform-node",
        "test/@modelcontextprotocol/server"
      ),
      // The types of the store on Postgres are of it.
      "@effect/sql-pg": readManifest(Path.join(root, "packages/jobs/node_modules/@effect/sql-pg/package.json")).version,
      esbuild: "0.28.2"
    })
    const modules = taken.flatMap(({ manifest, modules }) =>
      modules.map((module) => Path.posix.join(manifest.name, module))
    )
      .filter((module) => !module.startsWith(onSdk))
    return { folder, modules, remove }
  } catch (error) {
    remove()
    throw error
  }
}

/** Whether the SDK is really not there. */
export const hasSdk = ({ folder }: WithoutSdk): boolean =>
  Fs.globSync("node_modules/**/@modelcontextprotocol/{sdk,client}/package.json", { cwd: folder }).length > 0

/** Loads every module in plain Node. */
export const load = ({ folder, modules }: WithoutSdk): string =>
  run(
    folder,
    process.execPath,
    "--input-type=module",
    "-e",
    `for (const module of ${JSON.stringify(modules)}) await import(module)\nconsole.log("loaded")`
  )

/** Type-checks a program that imports every module, and every declaration that these read. Returns what the compiler says. */
export const typeCheck = ({ folder, modules }: WithoutSdk): string => {
  const program = modules.map((module, index) => `export * as m${index} from ${JSON.stringify(module)}\n`).join("")
  Fs.writeFileSync(Path.join(folder, "everything.ts"), program)
  const tsc = Path.join(folder, "node_modules/typescript/bin/tsc")
  return run(folder, process.execPath, tsc, "-p", "tsconfig.everything.json")
}

/** Calls servers over stdio and HTTP, as it is or as a bundle, and says what it was told of them and of OAuth. */
export const call = (
  { folder }: WithoutSdk,
  file = "withoutSdk.mjs"
): { readonly said: ReadonlyArray<string>; readonly oauth: string } =>
  // Written by that program, as its last line: its log is on stdout as well.
  JSON.parse(run(folder, process.execPath, file).trim().split("\n").at(-1) ?? "") as {
    readonly said: ReadonlyArray<string>
    readonly oauth: string
  }

export const bundle = ({ folder }: WithoutSdk): string => {
  const flags = ["--bundle", "--platform=node", "--format=esm", "--log-level=error", "--outfile=bundle.mjs"]
  run(folder, Path.join(folder, "node_modules/esbuild/bin/esbuild"), "withoutSdk.mjs", ...flags)
  return "bundle.mjs"
}

/**
 * The API reference (`pnpm run docs`, into `dist/api`): pages made from the docstrings of every module that a package exports. Fails on a warning: a link that leads nowhere, a
 * class, function, type or constant without a docstring, a tag that is misspelt.
 *
 * What it is made of has a hash: of the same sources it is the same, and is copied from the last time that there was no warning.
 *
 * The tool reads types through TypeScript's JavaScript interface, which version 7 does not have yet: this folder has a version 6 of its own.
 */
import { createHash } from "node:crypto"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { Application, type TypeDocOptions } from "typedoc"

const root = Path.resolve(import.meta.dirname, "../..")
const out = Path.resolve(process.argv[2] ?? Path.join(root, "dist/api"))

/** The last one without a warning, and the hash of what it was made of. */
const kept = Path.join(root, ".tmp/api")
const mark = `${kept}.sources`

const packages = ["core", "protocol", "process", "mcp", "server", "jobs", "daemon", "dashboard"]

const modules = packages
  .flatMap((name) => {
    const folder = Path.join(root, "packages", name, "src")
    return Fs.globSync("**/*.ts", { cwd: folder, exclude: (path) => path.startsWith("internal") })
      .filter((path) => !path.startsWith("internal") && !/(^|\/)(index|main)\.ts$/.test(path))
      .map((path) => Path.join(folder, path))
  })

const options: TypeDocOptions = {
  disableSources: true,
  entryPoints: modules.toSorted(),
  excludeExternals: true,
  excludeInternal: true,
  excludePrivate: true,
  externalSymbolLinkMappings: { "@modelcontextprotocol/sdk": { "*": "#" }, effect: { "*": "#" } },
  githubPages: false,
  hideGenerator: true,
  includeVersion: true,
  name: "Holdfast",
  out,
  packagesRequiringDocumentation: packages.map((name) => `@holdfast/${name}`),
  requiredToBeDocumented: ["Class", "Function", "Interface", "TypeAlias", "Variable"],
  readme: Path.join(import.meta.dirname, "front.md"),
  skipErrorChecking: true,
  tsconfig: Path.join(root, "scripts/api/tsconfig.json"),
  validation: { invalidLink: true, notDocumented: true, notExported: false }
}

const copy = (from: string, to: string): void => {
  if (from === to) return
  Fs.rmSync(to, { recursive: true, force: true })
  Fs.cpSync(from, to, { recursive: true })
}

const hash = createHash("sha256")
const sources = [
  "packages/*/src/**/*.{ts,tsx}",
  "{.,packages/*}/package.json",
  "scripts/api/*.*",
  "tsconfig.base.json",
  "pnpm-lock.yaml"
]
for (const file of Fs.globSync(sources, { cwd: root }).toSorted()) {
  hash.update(file).update("\0").update(Fs.readFileSync(Path.join(root, file))).update("\0")
}
const made = hash.digest("hex")
if (Fs.existsSync(mark) && Fs.readFileSync(mark, "utf8") === made) {
  copy(kept, out)
  console.log(`${modules.length} modules: as they were`)
  process.exit()
}
Fs.rmSync(mark, { force: true })

const app = await Application.bootstrapWithPlugins(options)
const project = await app.convert()
if (project === undefined) process.exit(1)
app.validate(project)
await app.generateOutputs(project)
const { errorCount, warningCount } = app.logger
console.log(`${modules.length} modules: ${errorCount} errors, ${warningCount} warnings`)
if (errorCount + warningCount === 0) {
  copy(out, kept)
  Fs.writeFileSync(mark, made)
} else process.exitCode = 1

/**
 * `pnpm release --dry-run`: builds, packs and checks everything that a release needs, installs the tarballs as users do, and publishes nothing. A row for
 * each check, with its time; the last line has the counts. Ends with 1 if a check has failed.
 *
 * Without `--dry-run` the tarballs that have passed are published, as they are, and tagged: on main only, with nothing changed, pushed, and with no
 * changeset that waits. Nothing is published if a single check has failed. `--without-provenance` is for a registry of one's own: npm proves only for its
 * own where a package was built.
 *
 * `--only WORD` runs the rows that have the word in their names, after the packing; with it nothing is published. `--write-sizes` stores the sizes of
 * today, and a tenth, as the limits.
 */
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { build, pack, root, run, type Tarball } from "../Tarballs.ts"
import * as Without from "../withoutSdk.ts"
import * as Contents from "./Contents.ts"
import * as Licenses from "./Licenses.ts"
import * as Matrix from "./Matrix.ts"
import * as OtherRuntimes from "./OtherRuntimes.ts"
import { provenanceProblems, publish } from "./Publishing.ts"
import { rehearse } from "./Rehearsal.ts"
import { type Check, mustBeNone, Rows } from "./Rows.ts"
import { sizes } from "./Sizes.ts"
import * as Standalone from "./Standalone.ts"
import { sourcesOf, treeProblems, versionProblems, versions } from "./Versions.ts"

const args = process.argv.slice(2)
const isDry = args.includes("--dry-run")
const isWritten = args.includes("--write-sizes")
const hasProvenance = !args.includes("--without-provenance")
const only = args.includes("--only") ? args[args.indexOf("--only") + 1] ?? "" : undefined
if (!isDry) {
  const problems = [
    ...treeProblems(root),
    ...versionProblems(sourcesOf(root), true),
    ...(hasProvenance ? provenanceProblems(process.env) : []),
    ...(only === undefined ? [] : ["--only is for --dry-run: a release has passed all of it"])
  ]
  if (problems.length > 0) {
    console.error(`nothing is published:\n${problems.join("\n")}`)
    process.exit(1)
  }
}

const rows = new Rows(42)
const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "release-"))
const tools = Path.join(folder, "tools")
const row = async (name: string, check: Check): Promise<boolean> =>
  only === undefined || name.includes(only) ? rows.row(name, check) : false

const began = performance.now()
try {
  let tarballs: ReadonlyArray<Tarball> = []
  const isPacked = await rows.row("build and pack", () => {
    build()
    tarballs = pack(folder)
    return `${tarballs.length} packages`
  })
  if (isPacked) {
    await checkContents(tarballs)
    const isInstalled = await rows.row("tools and tarballs in a folder", () => {
      Matrix.installTools(tools, tarballs)
      return ""
    })
    if (isInstalled) await checkUse(tarballs)
    await row("standalone executable: build", Standalone.build)
    await row("standalone executable: words", Standalone.words)
    if (!isDry && rows.failed === 0) {
      await rows.row("publish", () => {
        publish(tarballs, { folder: root, hasProvenance }, console.log)
        run(root, "node_modules/.bin/changeset", "tag")
        return `${tarballs.length} packages; the tags are made: git push --tags`
      })
    }
  }
} finally {
  Fs.rmSync(folder, { recursive: true, force: true })
}
const seconds = Math.round((performance.now() - began) / 1000)
console.log(
  `\n${isDry ? "nothing is published; " : ""}all of it: ${seconds} s; ${rows.said} rows are told and judge nothing`
)
console.log(`${rows.passed} passed, ${rows.failed} failed`)
process.exitCode = rows.failed === 0 ? 0 : 1

/** What is in the tarballs. */
async function checkContents(tarballs: ReadonlyArray<Tarball>): Promise<void> {
  const unpacked = Path.join(folder, "unpacked")
  const folderOf = (name: string) => Path.join(unpacked, name)
  for (const { manifest, path } of tarballs) {
    Fs.mkdirSync(folderOf(manifest.name), { recursive: true })
    run(folder, "tar", "-xzf", path, "-C", folderOf(manifest.name), "--strip-components=1")
  }
  await row("fields of package.json, provenance", () => Contents.fields(tarballs))
  await row("versions, changesets, changelogs", () => versions(tarballs, !isDry))
  await row("links of packed pages", () => Contents.links(tarballs, folderOf))
  await row("SECURITY.md", Contents.security)
  await row("only what is meant is shipped", () => Contents.onlyWhatIsMeant(tarballs))
  await row("no secrets, no paths of this machine", () => Contents.noSecrets(tarballs, unpacked))
  await row("licenses of bundles", () => Licenses.ofBundles(folderOf("@holdfast/mcp")))
  await row("publint", () => Contents.publint(tarballs))
  await row("attw (types of each module)", () => Contents.attw(tarballs))
}

/** What users do with them. */
async function checkUse(tarballs: ReadonlyArray<Tarball>): Promise<void> {
  await row("sizes of packages and modules", () => sizes(tarballs, tools, isWritten))
  await row("TypeScript 5.9", () => Matrix.compile(tools, "5.9"))
  await row("TypeScript 7", () => Matrix.compile(tools, "7"))
  const modules = Matrix.modulesOf(tarballs)
  for (const version of Matrix.nodeVersions) {
    const node = Matrix.nodeAt(tools, version)
    const name = `Node ${version}`
    if (node === undefined) {
      await row(
        `${name}: install`,
        () => ({ said: `npm has none for ${process.platform} ${process.arch} that is tried here` })
      )
      continue
    }
    const place = { node, folder: Path.join(folder, `node-${version}`) }
    const isThere = await row(`${name}: install`, () => Matrix.install(place, tarballs))
    if (!isThere) continue
    await row(`${name}: ES modules`, () => Matrix.esModules(place, modules))
    await row(`${name}: CommonJS`, () => Matrix.commonJs(place, modules))
    await row(`${name}: bundles of esbuild`, () => Matrix.bundles(place, tools))
    await row(`${name}: a worker thread`, () => Matrix.thread(place))
    await row(`${name}: npx holdfast`, () => Matrix.npx(place))
    if (version === process.versions.node) {
      await row(
        `licenses of what is installed: ${name}`,
        () => Licenses.ofDependencies(Path.join(place.folder, "node_modules"))
      )
    }
  }
  await row("publishing, on a registry of its own", () => rehearse(Path.join(folder, "rehearsal"), tarballs))
  await row("without version 1 of the SDK", () => {
    const without = Without.installWithoutSdk(tarballs)
    try {
      const problems = [
        ...(Without.hasSdk(without) ? ["the SDK is there"] : []),
        ...(Without.typeCheck(without) === "" ? [] : ["the declarations do not compile"])
      ]
      Without.load(without)
      for (const file of ["withoutSdk.mjs", Without.bundle(without)]) {
        const { oauth, said } = Without.call(without, file)
        if (said.join() !== "hello,HELLO,hello on version 2,HELLO") problems.push(`${file}: ${said.join()}`)
        if (!oauth.includes("npm install @modelcontextprotocol/sdk@1")) problems.push(`${file}: ${oauth}`)
      }
      return mustBeNone(
        problems,
        `${without.modules.length} modules load and compile; stdio, HTTP, version 2, OAuth's words`
      )
    } finally {
      without.remove()
    }
  })
  if (process.platform !== "linux") return
  for (const runtime of OtherRuntimes.runtimes) {
    const name = `${runtime.name} ${runtime.version}`
    if (only !== undefined && !name.includes(only)) continue
    let program = ""
    await rows.row(name, () => {
      try {
        program = OtherRuntimes.installRuntime(Path.join(folder, runtime.name), runtime)
        return { said: "from npm" }
      } catch (error) {
        return { said: `npm does not have it: ${String(error).split("\n")[0]}` }
      }
    })
    if (program === "") continue
    for (const what of OtherRuntimes.tries) {
      await rows.row(`${name}: ${what}`, () => ({ said: OtherRuntimes.attempt(tools, program, runtime, what) }))
    }
  }
}

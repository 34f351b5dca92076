/** What is in the tarballs, and what they say of themselves. */
import * as Fs from "node:fs"
import * as Path from "node:path"
import { brokenLinks, repositoryUrl } from "../Stamp.ts"
import { root, run, type Tarball } from "../Tarballs.ts"
import { mustBeNone } from "./Rows.ts"

/** The same question to every package; each answer is a problem. */
const problemsOf = (
  tarballs: ReadonlyArray<Tarball>,
  judge: (tarball: Tarball) => ReadonlyArray<string | false>
): ReadonlyArray<string> =>
  tarballs.flatMap((tarball) =>
    judge(tarball).filter((problem) => problem !== false).map((problem) => `${tarball.manifest.name}: ${problem}`)
  )

/** The fields that npm and its readers look for, and that npm is asked for provenance. */
export const fields = (tarballs: ReadonlyArray<Tarball>): string => {
  const url = repositoryUrl()
  return mustBeNone(
    problemsOf(tarballs, ({ manifest, source }) => {
      const { bugs, description, engines, homepage, keywords = [], license, publishConfig, repository } = manifest
      return [
        license !== "MIT" && "license is not MIT",
        (description ?? "") === "" && "there is no description",
        keywords.length === 0 && "there are no keywords",
        engines?.node !== ">=22.19" && `engines.node is ${engines?.node}`,
        repository?.url !== `git+${url}.git` && `repository.url is ${repository?.url}`,
        repository?.directory !== source && `repository.directory is ${repository?.directory}`,
        homepage?.startsWith(`${url}/`) !== true && `homepage is ${homepage}`,
        bugs !== `${url}/issues` && `bugs is ${bugs}`,
        publishConfig?.access !== "public" && "publishConfig.access is not public",
        publishConfig?.provenance !== true && "publishConfig.provenance is not on"
      ]
    }),
    `${tarballs.length} packages at ${url}, public, with provenance`
  )
}

/** Links of each packed page lead somewhere from npm's site, too. */
export const links = (tarballs: ReadonlyArray<Tarball>, folderOf: (name: string) => string): string => {
  let pages = 0
  const problems = problemsOf(
    tarballs,
    ({ files, manifest }) =>
      files.filter((file) => /^[^/]+\.md$/.test(file)).flatMap((page) => {
        pages++
        const text = Fs.readFileSync(Path.join(folderOf(manifest.name), page), "utf8")
        return brokenLinks(text, (file) => files.includes(file)).map((to) => `${page} leads to ${to}`)
      })
  )
  return mustBeNone(problems, `${pages} pages`)
}

/** How to tell of a weakness, and which versions are helped. */
export const security = (): string => {
  const text = Fs.readFileSync(Path.join(root, "SECURITY.md"), "utf8")
  const wanted = ["## How to report", "## What is supported", `${repositoryUrl()}/security/advisories/new`]
  return mustBeNone(
    wanted.filter((words) => !text.includes(words)).map((words) => `SECURITY.md: ${words} is missing`),
    "SECURITY.md"
  )
}

/** Sources, what is compiled of them, and the style of the one page that there is. */
const shipped =
  /^(?:package\.json|README\.md|CHANGELOG\.md|RULES\.md|LICENSE|(?:src|dist)\/.+\.(?:ts|js|cjs|map)|dist\/page\/page\.css)$/
const forDevelopers = /(?:^|\/)(?:test|tests|fixtures|node_modules)\/|\.test\.|\.tsbuildinfo$|(?:^|\/)\.|tsconfig/

export const onlyWhatIsMeant = (tarballs: ReadonlyArray<Tarball>): string =>
  mustBeNone(
    problemsOf(tarballs, ({ files }) =>
      files.filter((file) =>
        !shipped.test(file) || forDevelopers.test(file)
      ).map((file) => `${file} is not to be shipped`)),
    `${
      tarballs.reduce((sum, { files }) => sum + files.length, 0)
    } files`
  )

/** Secrets as our own scanner knows them, in all that is shipped, and the paths of the machine that it was made on. */
export const noSecrets = (tarballs: ReadonlyArray<Tarball>, unpacked: string): string => {
  const { bytes, paths } = placesIn(unpacked, [root, process.env["HOME"] ?? root])
  const key = Path.join(unpacked, "../scan.key")
  run(root, process.execPath, "apps/scan-server/src/scan.ts", unpacked, "--key", key)
  return mustBeNone(paths, `${tarballs.length} packages, ${Math.round(bytes / 1e6)} MB`)
}

const placesIn = (folder: string, places: ReadonlyArray<string>) => {
  const named = places.filter((place) => place.length > 6)
  const paths: Array<string> = []
  let bytes = 0
  for (const file of Fs.globSync("**/*", { cwd: folder, withFileTypes: true })) {
    if (!file.isFile()) continue
    const path = Path.join(file.parentPath, file.name)
    const text = Fs.readFileSync(path, "utf8")
    bytes += text.length
    for (const place of named) if (text.includes(place)) paths.push(`${Path.relative(folder, path)} names ${place}`)
  }
  return { bytes, paths }
}

export const publint = (tarballs: ReadonlyArray<Tarball>): string => {
  const program = Path.join(root, "node_modules/publint/src/cli.js")
  const problems = tarballs.flatMap(({ manifest, path }) => {
    const said = run(root, process.execPath, program, "run", path, "--strict")
    return said.includes("All good!") ? [] : [`${manifest.name}: ${said}`]
  })
  return mustBeNone(problems, `${tarballs.length} packages`)
}

export const attw = (tarballs: ReadonlyArray<Tarball>): string => {
  const program = Path.join(root, "node_modules/@arethetypeswrong/cli/dist/index.js")
  let modules = 0
  for (const { modules: names, path } of tarballs) {
    const entrypoints = names.map((name) => name === "" ? "." : name)
    modules += names.length
    run(root, process.execPath, program, path, "--profile", "esm-only", "--entrypoints", ...entrypoints)
  }
  return `${modules} modules`
}

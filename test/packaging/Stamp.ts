/**
 * What a packed package says of where it comes from: `repository`, `homepage` and `bugs`, all from the `repository` of the workspace's package.json,
 * which is the one place that names it. Links of its README that lead out of the package lead there: outside of the repository they would lead nowhere.
 */
import { spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"

const root = Path.resolve(import.meta.dirname, "../..")

/** The address of the repository, as a browser opens it. */
export const repositoryUrl = (): string => {
  // The shape is npm's; only the address is read.
  const { repository } = JSON.parse(Fs.readFileSync(Path.join(root, "package.json"), "utf8")) as {
    readonly repository: string
  }
  return repository
}

/** Writes it into the tarball of the package in `source`, a folder of the workspace. */
export const stamp = (tarball: string, source: string): void => {
  const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "stamp-"))
  try {
    const files = tar("-tzf", tarball).trim().split("\n")
    tar("-xzf", tarball, "-C", folder)
    const packed = Path.join(folder, "package")
    const manifest = Path.join(packed, "package.json")
    // The shape is npm's; it is written back as it is.
    const said = JSON.parse(Fs.readFileSync(manifest, "utf8")) as object
    const url = repositoryUrl()
    const origin = {
      repository: { type: "git", url: `git+${url}.git`, directory: source },
      homepage: `${url}/tree/main/${source}#readme`,
      bugs: `${url}/issues`
    }
    Fs.writeFileSync(manifest, `${JSON.stringify({ ...said, ...origin }, undefined, 2)}\n`)
    for (const page of Fs.globSync("*.md", { cwd: packed })) {
      const path = Path.join(packed, page)
      Fs.writeFileSync(
        path,
        withWholeLinks(Fs.readFileSync(path, "utf8"), source, (file) => Fs.existsSync(Path.join(packed, file)))
      )
    }
    // As npm has it: files only, in the same order.
    tar("-czf", tarball, "-C", folder, ...files)
  } finally {
    Fs.rmSync(folder, { recursive: true, force: true })
  }
}

/** A link of Markdown to a file: neither to an address nor within the page. */
const link = /\]\((?![a-z][a-z+.-]*:|#)([^)\s#]+)(#[^)\s]*)?\)/gi

/** The page of a package, each link to what is not packed made whole. */
export const withWholeLinks = (page: string, source: string, isPacked: (file: string) => boolean): string =>
  page.replaceAll(link, (all, path: string, place = "") => {
    const file = Path.posix.normalize(Path.posix.join(source, path))
    return isPacked(Path.posix.normalize(path)) ? all : `](${repositoryUrl()}/blob/main/${file}${place})`
  })

/** Links of a packed page that lead nowhere outside of the repository. */
export const brokenLinks = (page: string, isPacked: (file: string) => boolean): ReadonlyArray<string> => [
  ...[...page.matchAll(link)].map(([, path = ""]) => path).filter((path) => !isPacked(Path.posix.normalize(path))),
  // What is linked there is in this repository: such an address can be checked.
  ...[...page.matchAll(/\]\(([^)\s#]+)[^)]*\)/g)].flatMap(([, address = ""]) => {
    const file = address.split(`${repositoryUrl()}/blob/main/`)[1]
    return file === undefined || Fs.existsSync(Path.join(root, file)) ? [] : [address]
  })
]

const tar = (...args: ReadonlyArray<string>): string => {
  const { error, status, stderr, stdout } = spawnSync("tar", args, { encoding: "utf8" })
  if (status !== 0) throw new Error(`tar ${args.join(" ")} (${error?.message ?? `exit ${status}`})\n${stderr}`)
  return stdout
}

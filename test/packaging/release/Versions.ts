/** One version for all packages, the changesets that wait, and the changelogs that have been made of them. */
import * as Fs from "node:fs"
import * as Path from "node:path"
import { readManifest, root, run, type Tarball } from "../Tarballs.ts"
import { mustBeNone } from "./Rows.ts"

export interface Waiting {
  readonly problems: ReadonlyArray<string>
  /** How many changesets. */
  readonly count: number
  readonly bump: "major" | "minor" | "patch" | "none"
}

const bumps = ["major", "minor", "patch"] as const

/** The changesets in a folder. `names`: of the packages that there are. */
export const waiting = (folder: string, names: ReadonlySet<string>): Waiting => {
  const problems: Array<string> = []
  const asked = new Set<string>()
  const files = Fs.readdirSync(folder).filter((name) => name.endsWith(".md") && name !== "README.md").toSorted()
  for (const file of files) {
    const [, head = "", body = ""] =
      /^---\n([^]*?)\n?---\n([^]*)$/.exec(Fs.readFileSync(Path.join(folder, file), "utf8")) ?? []
    if (head === "") problems.push(`${file} names no package`)
    if (body.trim() === "") problems.push(`${file} says nothing`)
    for (const line of head.split("\n").filter((line) => line !== "")) {
      const [, name = "", bump = ""] = /^["']?([^"':]+)["']?: (\w+)$/.exec(line) ?? []
      if (!names.has(name)) problems.push(`${file}: there is no package ${name || line}`)
      if (!bumps.some((known) => known === bump)) problems.push(`${file}: ${bump || line} is no kind of change`)
      asked.add(bump)
    }
  }
  return { problems, count: files.length, bump: bumps.find((bump) => asked.has(bump)) ?? "none" }
}

export type Source = Pick<Tarball, "manifest" | "source">

/** The public packages of a workspace, with their folders in it. */
export const sourcesOf = (root: string): ReadonlyArray<Source> =>
  Fs.globSync("{packages,apps}/*/package.json", { cwd: root })
    .map((path) => ({ source: Path.dirname(path), manifest: readManifest(Path.join(root, path)) }))
    .filter(({ manifest }) => manifest.private !== true)

/** `isPublished`: no changeset may wait. */
export const versionProblems = (sources: ReadonlyArray<Source>, isPublished: boolean): ReadonlyArray<string> => {
  const all = new Set(sources.map(({ manifest }) => manifest.version))
  const [version = "", ...others] = all
  const { count, problems } = changesets(sources)
  const wrong = [...problems]
  if (others.length > 0) wrong.push(`the packages have ${all.size} versions: ${[...all].join(", ")}`)
  for (const { manifest, source } of sources) {
    const changelog = Path.join(root, source, "CHANGELOG.md")
    const text = Fs.existsSync(changelog) ? Fs.readFileSync(changelog, "utf8") : ""
    if (version !== "0.0.0" && !text.includes(`## ${version}\n`)) {
      wrong.push(`${manifest.name}: its changelog says nothing of ${version}: pnpm version-packages makes both`)
    }
    const stamped = Path.join(root, source, "src/internal/version.ts")
    if (Fs.existsSync(stamped) && !Fs.readFileSync(stamped, "utf8").includes(`"${manifest.version}"`)) {
      wrong.push(`${manifest.name}: its src/internal/version.ts is not ${manifest.version}: pnpm version-packages`)
    }
  }
  if (isPublished && count > 0) wrong.push(`${count} changesets wait: pnpm version-packages, review and commit that`)
  if (isPublished && version === "0.0.0") {
    wrong.push("0.0.0 is no version to publish: pnpm changeset, then pnpm version-packages")
  }
  return wrong
}

const changesets = (sources: ReadonlyArray<Source>): Waiting =>
  waiting(Path.join(root, ".changeset"), new Set(sources.map(({ manifest }) => manifest.name)))

export const versions = (tarballs: ReadonlyArray<Tarball>, isPublished: boolean): string => {
  const { bump, count } = changesets(tarballs)
  const version = tarballs[0]?.manifest.version ?? ""
  return mustBeNone(
    versionProblems(tarballs, isPublished),
    count === 0 ? version : `${version}; ${count} changesets wait, the largest change is ${bump}`
  )
}

/** Only what everybody can see in the repository is published: the branch is main, nothing is changed or added beside it, and it is pushed. */
export const treeProblems = (folder: string): ReadonlyArray<string> => {
  const branch = run(folder, "git", "rev-parse", "--abbrev-ref", "HEAD").trim()
  const changed = run(folder, "git", "status", "--porcelain").trim()
  const remotes = run(folder, "git", "branch", "--remotes", "--contains", "HEAD").trim()
  return [
    ...(branch === "main" ? [] : [`a release is made on main, and this is ${branch}: git switch main`]),
    ...(changed === "" ? [] : [`the tree is not clean: commit it, or git stash --include-untracked\n${changed}`]),
    ...(remotes === "" ? ["no remote branch has this commit: git push"] : [])
  ]
}

/**
 * Publishing what has passed: the tarballs as they are, each after what it depends on. A publishing that was interrupted is taken up again where it ended.
 *
 * What a registry has once it keeps: a version that is there with other contents is refused before anything is published.
 */
import { spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { run, type Tarball } from "../Tarballs.ts"
import { mustBeNone } from "./Rows.ts"

export interface Target {
  /** Where npm is run: its settings there say which registry it is, and as which user. */
  readonly folder: string
  /** Whether npm proves where the packages were built. It can in the two services that are named below. */
  readonly hasProvenance: boolean
}

/** npm proves where a package was built if the service that builds it vouches for that, and refuses to publish otherwise. */
export const provenanceProblems = (environment: Readonly<Record<string, string | undefined>>): ReadonlyArray<string> =>
  ["ACTIONS_ID_TOKEN_REQUEST_URL", "SIGSTORE_ID_TOKEN"].some((name) => (environment[name] ?? "") !== "") ? [] : [
    "npm proves where packages were built in GitHub Actions (id-token: write) and GitLab CI only: run the workflow `release` there, or, for a " +
    "registry of your own, say --without-provenance"
  ]

/** Each after what it depends on. */
export const inOrder = (tarballs: ReadonlyArray<Tarball>): ReadonlyArray<Tarball> => {
  const order: Array<Tarball> = []
  const open = new Map(tarballs.map((tarball) => [tarball.manifest.name, tarball]))
  while (open.size > 0) {
    const next = [...open.values()].find(({ manifest }) =>
      Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies }).every((name) => !open.has(name))
    )
    if (next === undefined) throw new Error(`these depend on each other: ${[...open.keys()].join(", ")}`)
    order.push(next)
    open.delete(next.manifest.name)
  }
  return order
}

/** Publishes what is not there yet, and says a line for each package. Throws, in words that say what to do. */
export const publish = (tarballs: ReadonlyArray<Tarball>, target: Target, say: (line: string) => void): void => {
  const order = inOrder(tarballs)
  const there = new Set<Tarball>()
  const problems = order.flatMap((tarball) => {
    const differences = differencesFromPublished(tarball, target)
    if (differences?.length === 0) there.add(tarball)
    const { name, version } = tarball.manifest
    return differences === undefined || differences.length === 0 ? [] : [
      `${name} ${version} is published already, with other contents (${
        differences.slice(0, 5).join(", ")
      }): a version is never published ` +
      "twice; add a changeset with what has changed, pnpm version-packages, commit that, and release the next version"
    ]
  })
  mustBeNone(problems, "")
  for (const [index, tarball] of order.entries()) {
    const { name, version } = tarball.manifest
    if (!there.has(tarball)) {
      const flags = ["--access", "public", `--provenance=${target.hasProvenance}`]
      const { output, status } = npm(target.folder, "publish", tarball.path, ...flags)
      if (status !== 0) {
        throw new Error(
          `${name} ${version} could not be published; ${index} of ${order.length} packages are there. When the cause is mended, ` +
            `the same command publishes the others\n${output}`
        )
      }
    }
    say(`${name} ${version} ${there.has(tarball) ? "was there" : "is published"}`)
  }
}

/** The files that are not the same there; undefined if the version is not there. */
const differencesFromPublished = (
  { manifest: { name, version }, path }: Tarball,
  target: Target
): ReadonlyArray<string> | undefined => {
  const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "published-"))
  try {
    const { output, status } = npm(
      target.folder,
      "pack",
      `${name}@${version}`,
      "--prefer-online",
      "--pack-destination",
      folder
    )
    if (status !== 0) {
      // The package or its version.
      if (/\b(?:E404|ETARGET)\b/.test(output)) return undefined
      throw new Error(`the registry does not say whether it has ${name} ${version}; nothing is published\n${output}`)
    }
    const [archive = ""] = Fs.readdirSync(folder)
    const [published, ours] = [
      unpacked(Path.join(folder, archive), Path.join(folder, "published")),
      unpacked(path, Path.join(folder, "ours"))
    ]
    const files = new Set([...published.keys(), ...ours.keys()])
    return [...files].filter((file) => published.get(file) !== ours.get(file))
  } finally {
    Fs.rmSync(folder, { recursive: true, force: true })
  }
}

/** The texts of its files, by their paths. */
const unpacked = (archive: string, into: string): ReadonlyMap<string, string> => {
  Fs.mkdirSync(into)
  run(into, "tar", "-xzf", archive, "--strip-components=1")
  const files = Fs.globSync("**/*", { cwd: into, withFileTypes: true }).filter((file) => file.isFile())
  return new Map(
    files.map((file) => Path.join(file.parentPath, file.name)).map((path) => [
      Path.relative(into, path),
      Fs.readFileSync(path, "latin1")
    ])
  )
}

/** With the maintainer's own settings and environment. */
const npm = (
  folder: string,
  ...args: ReadonlyArray<string>
): { readonly status: number | null; readonly output: string } => {
  const { error, status, stderr, stdout } = spawnSync("npm", args, { cwd: folder, encoding: "utf8" })
  return { status, output: `${error?.message ?? ""}${stdout ?? ""}${stderr ?? ""}` }
}

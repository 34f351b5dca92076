/**
 * How much a user installs and bundles. The limits are in `sizes.json`, in bytes: of each package as it is unpacked, and of each of its modules as a
 * bundle, minified, with all that it needs but Effect and the SDK, which the program has anyway.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import { run, type Tarball } from "../Tarballs.ts"
import { mustBeNone } from "./Rows.ts"

const file = Path.join(import.meta.dirname, "sizes.json")

type Sizes = Readonly<Record<string, number>>

/** `folder`: where the packages and esbuild are installed. `isWritten`: the limits become what is there, and a tenth. */
export const sizes = (tarballs: ReadonlyArray<Tarball>, folder: string, isWritten: boolean): string => {
  const found: Sizes = { ...unpacked(tarballs, folder), ...bundled(tarballs, folder) }
  if (isWritten) {
    const limits = Object.fromEntries(
      Object.entries(found).toSorted(([a], [b]) => a < b ? -1 : 1).map((
        [name, bytes]
      ) => [name, Math.ceil(bytes * 1.1 / 500) * 500])
    )
    Fs.writeFileSync(file, `${JSON.stringify(limits, undefined, 2)}\n`)
    return `${Object.keys(found).length} limits are written`
  }
  // Written by the lines above.
  const limits = JSON.parse(Fs.readFileSync(file, "utf8")) as Sizes
  const problems = Object.entries(found).flatMap(([name, bytes]) => {
    const limit = limits[name]
    if (limit === undefined) return [`${name} has no limit: pnpm release --dry-run --write-sizes`]
    return bytes <= limit
      ? []
      : [
        `${name} is ${kB(bytes)}, and its limit is ${kB(limit)}: make it smaller, or, if it is worth it, --write-sizes`
      ]
  })
  const gone = Object.keys(limits).filter((name) => found[name] === undefined).map((name) =>
    `${name} has a limit, and is not there`
  )
  const most = Object.entries(found).filter(([name]) => name.includes("bundled")).toSorted(([, a], [, b]) => b - a)[0]
  const all = Object.entries(found).filter(([name]) => name.includes("unpacked")).reduce(
    (sum, [, bytes]) => sum + bytes,
    0
  )
  return mustBeNone(
    [...problems, ...gone],
    `${Object.keys(found).length} sizes; ${kB(all)} unpacked; the largest is ${most?.[0]}, ${kB(most?.[1] ?? 0)}`
  )
}

const kB = (bytes: number): string => `${(bytes / 1000).toFixed(1)} kB`

const unpacked = (tarballs: ReadonlyArray<Tarball>, folder: string): Sizes =>
  Object.fromEntries(tarballs.map(({ files, manifest }) => [
    `${manifest.name}, unpacked`,
    files.reduce((sum, name) => {
      const path = Path.join(folder, "node_modules", manifest.name, name)
      return sum + (Fs.existsSync(path) ? Fs.statSync(path).size : 0)
    }, 0)
  ]))

const bundled = (tarballs: ReadonlyArray<Tarball>, folder: string): Sizes => {
  const entries = tarballs.flatMap(({ manifest, modules }) =>
    modules.map((module) => Path.posix.join(manifest.name, module))
  )
  const into = Path.join(folder, "sizes")
  Fs.mkdirSync(into, { recursive: true })
  const files = entries.map((entry, index) => {
    const path = Path.join(into, `${index}.mjs`)
    Fs.writeFileSync(path, `import * as all from ${JSON.stringify(entry)}; console.log(all)\n`)
    return path
  })
  // Such a name means the package with all of its modules.
  const outside = ["effect", "@effect/*", "@modelcontextprotocol/*", "pg*"].map((name) => `--external:${name}`)
  const esbuild = Path.join(folder, "node_modules/esbuild/bin/esbuild")
  const flags = ["--bundle", "--minify", "--platform=node", "--format=esm", "--log-level=error", `--outdir=${into}/out`]
  run(folder, esbuild, ...files, ...flags, ...outside)
  return Object.fromEntries(
    entries.map((entry, index) => [`${entry}, bundled`, Fs.statSync(Path.join(into, "out", `${index}.js`)).size])
  )
}

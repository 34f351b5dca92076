/**
 * The rules of imports, each found in the sources of a workspace and reported as one line a person can act on.
 *
 * 1. Across folders only in the directions of `ImportDirections`, tests judged by their own column.
 * 2. Never by a relative path that leaves the folder: across folders one imports by package name.
 * 3. Never another package's `internal`, and never a package that the own `package.json` does not declare
 *    (sources: dependencies and peers; tests: any).
 *    A name that begins with # is what the `imports` of the own `package.json` make of it.
 * 4. The MCP SDK only in `src/internal/sdk/` of a package, tests excepted: its v1 line ends one day.
 * 5. No cycle of imports between files, type-only ones included: what two files take from each other is a contract, and
 *    has a file of its own.
 *
 * Offsets and paths are those of the disk: the caller gives the root, nothing else is assumed.
 */
import * as Fs from "node:fs"
import { isBuiltin } from "node:module"
import * as Path from "node:path"
import type { ImportDirection } from "./ImportDirections.ts"
import { importsOf, type ModuleImport } from "./SourceModule.ts"

/** One broken rule. `place` is `file:line`. */
export interface Violation {
  readonly place: string
  readonly message: string
}

export interface Report {
  readonly files: number
  readonly imports: number
  readonly violations: ReadonlyArray<Violation>
}

interface Manifest {
  readonly name?: string
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly imports?: Readonly<Record<string, unknown>>
}

/** Checks every TypeScript file below the folders of the table that exist under `root`. */
export const checkImports = (root: string, directions: ReadonlyArray<ImportDirection>): Report => {
  const violations: Array<Violation> = [...checkTable(directions)]
  let files = 0
  let imports = 0
  for (const direction of directions) {
    const folder = Path.join(root, direction.folder)
    if (!Fs.existsSync(folder)) continue
    const manifest = readManifest(root, direction)
    const graph = new Map<string, ReadonlyArray<string>>()
    // A folder of the map within another has its own rules.
    const others = directions.filter((other) => other.folder.startsWith(`${direction.folder}/`))
      .map((other) => Path.join(root, other.folder) + Path.sep)
    for (const file of sourcesBelow(folder)) {
      if (others.some((other) => file.startsWith(other))) continue
      files++
      const within = Path.relative(folder, file).split(Path.sep).join("/")
      const targets: Array<string> = []
      for (const item of importsOf(file, Fs.readFileSync(file, "utf8"))) {
        imports++
        const place = `${direction.folder}/${within}:${item.line}`
        for (const message of judge(root, directions, direction, manifest, within, file, item)) {
          violations.push({ place, message })
        }
        if (item.specifier.startsWith(".")) {
          targets.push(Path.resolve(Path.dirname(file), item.specifier))
        }
      }
      graph.set(file, [...new Set(targets)])
    }
    for (const cycle of cyclesOf(graph)) {
      const names = cycle.map((file) => Path.relative(folder, file).split(Path.sep).join("/"))
      violations.push({
        place: `${direction.folder}/${names[0]}`,
        message: `import cycle: ${[...names, names[0]].join(" → ")}`
      })
    }
  }
  for (const folder of ["packages", "apps", "examples"]) {
    for (const name of childrenOf(Path.join(root, folder))) {
      if (!directions.some((direction) => direction.folder === `${folder}/${name}`)) {
        violations.push({ place: `${folder}/${name}`, message: "is not on the map: add it to ImportDirections.ts" })
      }
    }
  }
  return { files, imports, violations }
}

/** Everything that is wrong with one import. */
const judge = (
  root: string,
  directions: ReadonlyArray<ImportDirection>,
  direction: ImportDirection,
  manifest: Manifest,
  within: string,
  file: string,
  item: ModuleImport
): ReadonlyArray<string> => {
  const { specifier } = item
  const isTest = !within.startsWith("src/")
  if (specifier.startsWith(".")) {
    const relative = Path.relative(Path.join(root, direction.folder), Path.resolve(Path.dirname(file), specifier))
    return relative.startsWith("..")
      ? [`"${specifier}" leaves ${direction.folder}: import another package by its name`]
      : []
  }
  if (isBuiltin(specifier)) return []
  if (specifier.startsWith("#")) {
    const targets = targetsOf(manifest.imports?.[specifier])
    return targets.length === 0
      ? [`"${specifier}" is not among the imports of ${direction.folder}/package.json`]
      : targets.flatMap((target) =>
        judge(root, directions, direction, manifest, within, file, { ...item, specifier: target })
      )
  }
  const name = packageOf(specifier)
  const target = directions.find((other) => other.name === name)
  const messages: Array<string> = []
  if (target === direction && !isTest) {
    messages.push(`"${specifier}": sources import their own package by relative path`)
  }
  if (target !== undefined && target !== direction) {
    const allowed = allowedFor(direction, within, isTest)
    if (!allowed.includes(target.folder)) {
      const may = allowed.length === 0 ? "nothing of the workspace" : allowed.join(", ")
      messages.push(`"${specifier}": ${isTest ? "tests" : "sources"} of ${direction.folder} may import ${may}`)
    }
    if (/^(src\/)?internal(\/|$)/.test(specifier.slice(name.length + 1))) {
      messages.push(`"${specifier}" is private to ${target.folder}`)
    }
  } else if (target === undefined && name.startsWith("@holdfast/")) {
    messages.push(`"${specifier}" is not on the map of ImportDirections.ts`)
  }
  if (name === "@modelcontextprotocol/sdk" && !isTest && !within.startsWith("src/internal/sdk/")) {
    messages.push(`"${specifier}": the SDK is imported in src/internal/sdk/ only`)
  }
  if (target !== direction && !isDeclared(manifest, name, isTest)) {
    const where = isTest ? "dependencies of any kind" : "dependencies or peerDependencies"
    messages.push(`"${specifier}": ${name} is not among the ${where} of ${direction.folder}/package.json`)
  }
  return messages
}

/** All that an entry of `imports` may mean, whatever the condition. */
const targetsOf = (entry: unknown): ReadonlyArray<string> =>
  typeof entry === "string"
    ? [entry]
    : typeof entry === "object" && entry !== null
    ? Object.values(entry).flatMap(targetsOf)
    : []

const allowedFor = (direction: ImportDirection, within: string, isTest: boolean): ReadonlyArray<string> => {
  const entries = Object.entries(direction.entries ?? {})
  if (isTest) return [...direction.sources, ...entries.flatMap(([, more]) => more), ...direction.tests]
  const more = entries.flatMap(([prefix, folders]) =>
    within === `${prefix}.ts` || within.startsWith(`${prefix}/`) ? folders : []
  )
  return [...direction.sources, ...more]
}

const isDeclared = (manifest: Manifest, name: string, isTest: boolean): boolean =>
  name in (manifest.dependencies ?? {}) ||
  name in (manifest.peerDependencies ?? {}) ||
  (isTest && name in (manifest.devDependencies ?? {}))

/** The table itself must be free of cycles and of folders it does not know. */
const checkTable = (directions: ReadonlyArray<ImportDirection>): ReadonlyArray<Violation> => {
  const place = "scripts/imports/ImportDirections.ts"
  const graph = new Map(
    directions.map((direction): [string, ReadonlyArray<string>] => [
      direction.folder,
      [...direction.sources, ...Object.values(direction.entries ?? {}).flat()]
    ])
  )
  const unknown = [...new Set([...graph.values()].flat())].filter((folder) => !graph.has(folder))
  return [
    ...unknown.map((folder) => ({ place, message: `${folder} is allowed somewhere, but is no folder of the table` })),
    ...cyclesOf(graph).map((cycle) => ({ place, message: `the table has a cycle: ${cycle.join(" → ")}` }))
  ]
}

/** One cycle for each strongly connected knot, found by depth-first search; empty when the graph has none. */
export const cyclesOf = (graph: ReadonlyMap<string, ReadonlyArray<string>>): ReadonlyArray<ReadonlyArray<string>> => {
  const finished = new Set<string>()
  const cycles: Array<ReadonlyArray<string>> = []
  const visit = (node: string, trail: Array<string>) => {
    if (finished.has(node)) return
    const start = trail.indexOf(node)
    if (start !== -1) {
      cycles.push(trail.slice(start))
      return
    }
    trail.push(node)
    for (const next of graph.get(node) ?? []) visit(next, trail)
    trail.pop()
    finished.add(node)
  }
  for (const node of graph.keys()) visit(node, [])
  return cycles
}

const packageOf = (specifier: string): string =>
  specifier.split("/").slice(0, specifier.startsWith("@") ? 2 : 1).join("/")

/** `scripts` has no package of its own: it lives on the root's. */
const readManifest = (root: string, direction: ImportDirection): Manifest => {
  const own = Path.join(root, direction.folder, "package.json")
  const path = Fs.existsSync(own) ? own : Path.join(root, "package.json")
  // The shape is pnpm's to check; only names are read here.
  return Fs.existsSync(path) ? JSON.parse(Fs.readFileSync(path, "utf8")) as Manifest : {}
}

const sourcesBelow = (folder: string): ReadonlyArray<string> =>
  Fs.readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = Path.join(folder, entry.name)
    if (entry.isDirectory()) return ["node_modules", "dist", ".tmp"].includes(entry.name) ? [] : sourcesBelow(path)
    return /\.[cm]?tsx?$/.test(entry.name) && !entry.name.endsWith(".d.ts") ? [path] : []
  })

const childrenOf = (folder: string): ReadonlyArray<string> =>
  Fs.existsSync(folder)
    ? Fs.readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map((entry) => entry.name)
    : []

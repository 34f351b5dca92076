/**
 * What it costs to import `@holdfast/mcp/promise` as a user has it, from the packed packages, beside the modules of Effect that it loads, alone, and a
 * Node that does nothing. Each in a process of its own, in turn; processor time of the import, and the least of all rounds, since what
 * else runs on the machine only adds to it.
 *
 * Packing builds all packages, and takes a minute.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { install, installedVersions } from "../../packaging/Tarballs.ts"
import { inTurn } from "../InTurn.ts"
import * as Report from "../Report.ts"

const rounds = 15
const specifier = "@holdfast/mcp/promise"

const ran = (folder: string, program: string): string => {
  const { status, stderr, stdout } = spawnSync(process.execPath, ["--input-type=module", "-e", program], {
    cwd: folder,
    encoding: "utf8",
    timeout: 60_000
  })
  if (status !== 0) throw new Error(stderr)
  return stdout
}

class CannotImport extends Data.TaggedError("CannotImport")<{ readonly message: string }> {}

/** Every file that an import loads, in order. */
const loadedBy = (folder: string): ReadonlyArray<string> =>
  ran(
    folder,
    `import { registerHooks } from "node:module"
    const loaded = []
    registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) })
    await import(${JSON.stringify(specifier)})
    console.log(loaded.join("\\n"))`
  ).trim().split("\n")

/** Milliseconds of the processor that it takes to import this. */
const imported = (folder: string, what: string) =>
  Effect.try({
    try: () =>
      Number(ran(
        folder,
        `const from = process.cpuUsage()
        await import(${JSON.stringify(what)})
        const { system, user } = process.cpuUsage(from)
        console.log((system + user) / 1000)`
      )),
    catch: (cause) => new CannotImport({ message: String(cause) })
  })

const ours = "import of the promise entry"
const effect = "the modules of Effect that it loads, alone"
const nothing = "a module of Node's that is there already"

export const importCost = Effect.scoped(Effect.gen(function*() {
  const { folder } = yield* Effect.acquireRelease(
    Effect.sync(() => install(installedVersions("effect"))),
    ({ remove }) => Effect.sync(remove)
  )
  const loaded = loadedBy(folder)
  const floor = path.join(folder, "floor.mjs")
  const modules = loaded.filter((url) => url.includes("/node_modules/effect/"))
  fs.writeFileSync(floor, modules.map((url) => `import ${JSON.stringify(url)}`).join("\n"))
  const { all, comparison, row } = yield* inTurn([
    { name: ours, round: imported(folder, specifier) },
    { name: effect, round: imported(folder, floor) },
    { name: nothing, round: imported(folder, "node:path") }
  ], { rounds, warmUp: 2 })
  const least = (name: string): number => Math.min(...all(name))
  const millis = (name: string) => row(name, () => `${least(name).toFixed(1)} ms`)
  Report.print(`Importing ${specifier} from the packed packages, the least of ${rounds} processes each`, [
    millis(ours),
    comparison("  ÷ Effect alone", [ours, effect], least(ours) / least(effect), { atMost: 1.5, goal: 1.2 }),
    millis(effect),
    millis(nothing),
    { name: "files loaded of ours", figure: String(loaded.filter((url) => url.includes("/@holdfast/")).length) },
    { name: "files loaded of Effect's", figure: String(modules.length) }
  ])
}))

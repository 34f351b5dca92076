/**
 * Warm calls of holdfast and of three programs from npm, each with a daemon or a session of its own that runs, beside a Node that does nothing. And
 * `--version`, which is what a command costs that does nothing either; an answer to a shell at a Tab; and the tools of a server that runs. The
 * executable is measured against the same command from files.
 */
import * as Effect from "effect/Effect"
import { execFileSync } from "node:child_process"
import * as path from "node:path"
import { type Peer, prepare } from "../../scorecard/daemon/peers.ts"
import { World } from "../../scorecard/daemon/World.ts"
import { inTurn } from "../InTurn.ts"
import * as Report from "../Report.ts"

const rounds = 15

const node = "node -e 0"
const version = "holdfast --version"
const completion = "holdfast, at a Tab"
const tools = "holdfast tools"
const executable = "the executable"
const executableVersion = "the executable --version"

const root = path.resolve(import.meta.dirname, "../../..")

/** Everything is built before. Returns its path. */
const buildExecutable = (): string => {
  execFileSync(process.execPath, [path.join(root, "scripts/build-executable.ts"), "--built"], {
    stdio: ["ignore", 2, 2]
  })
  return path.join(root, "dist/executable/holdfast")
}

/** Runs it, and tells how long it took: in milliseconds. It has to say what is expected. */
const timed = (world: World, words: ReadonlyArray<string>, expected: string, program?: string) =>
  Effect.tryPromise(() => world.run(words, program)).pipe(
    Effect.filterOrFail(
      ({ code, output }) => code === 0 && output.includes(expected),
      ({ code, output }) => `${words.join(" ")} ended with ${code} and said ${output}`
    ),
    Effect.map(({ millis }) => millis)
  )

const warm = ({ connect, entry = {}, name, ...peer }: Peer) =>
  Effect.gen(function*() {
    const world = yield* Effect.acquireDisposable(Effect.sync(() => new World(entry)))
    if (connect !== undefined) yield* Effect.tryPromise(() => world.run(connect))
    return {
      name,
      isForeign: name !== "holdfast",
      round: Effect.suspend(() => {
        const text = world.text()
        return timed(world, peer.call("echo", text), text)
      })
    }
  })

export const commandCost = Effect.scoped(Effect.gen(function*() {
  const peers = yield* Effect.sync(prepare)
  const idle = yield* Effect.acquireDisposable(Effect.sync(() => new World({})))
  const [file = "", ...call] = peers[0]?.call("echo", "hello") ?? []
  const built = yield* Effect.sync(buildExecutable)
  const listing = yield* Effect.acquireDisposable(Effect.sync(() => new World({})))
  const { comparison, median, row } = yield* inTurn([
    { name: node, round: timed(idle, ["-e", "0"], "") },
    { name: version, round: timed(idle, [file, "--version"], "0.0.0\n") },
    { name: completion, round: timed(idle, [file, "__complete", "call", "-c", "config.json", ""], "one\n") },
    { name: tools, round: timed(listing, [file, "tools", "-c", "config.json"], "one.echo") },
    { name: executableVersion, round: timed(idle, ["--version"], "0.0.0\n", built) },
    { name: executable, round: timed(listing, call, "hello", built) },
    ...yield* Effect.forEach(peers, warm)
  ], { rounds, warmUp: 2 })
  const of = (name: string): number => median(name, (millis) => millis)
  const lines = (
    name: string,
    goal?: { readonly said: string; readonly atMost: number }
  ): ReadonlyArray<Report.Line> => [
    row(name, () => `${of(name).toFixed(1)} ms`),
    comparison(
      `  ÷ ${node}${goal === undefined ? "" : ` (goal ${goal.said})`}`,
      [name, node],
      of(name) / of(node),
      goal && { atMost: goal.atMost }
    )
  ]
  const beside = (name: string, files: string): ReadonlyArray<Report.Line> => [
    row(name, () => `${of(name).toFixed(1)} ms`),
    comparison(`  ÷ ${files} (goal 1)`, [name, files], of(name) / of(files), { atMost: 1.2 })
  ]
  Report.print(`One command, ${rounds} times in turn; calls of a server that runs`, [
    row(node, () => `${of(node).toFixed(1)} ms`),
    ...lines("holdfast", { said: "1.25", atMost: 1.5 }),
    ...lines(version, { said: "1.2", atMost: 1.2 }),
    ...lines(completion, { said: "1.2", atMost: 1.2 }),
    ...lines(tools, { said: "1.25", atMost: 1.5 }),
    ...beside(executable, "holdfast"),
    ...beside(executableVersion, version),
    ...peers.filter(({ name }) => name !== "holdfast").flatMap(({ name }) => lines(name))
  ])
}))

/** A word that goes on. The others, on a terminal and behind a reader that leaves: `watching.long.test.ts`. */
import { assert, describe, it } from "@effect/vitest"
import type { ChildProcess } from "node:child_process"
import { once } from "node:events"
import { spy, start } from "./support/Cli.ts"
import * as DaemonWorld from "./support/DaemonWorld.ts"

const { until } = DaemonWorld

/** Besides `spy` a server that ends at once, with a word on stderr. */
const make = (): DaemonWorld.DaemonWorld => {
  const world = DaemonWorld.make()
  world.addServer("bad", { ...spy("crash"), holdfast: { maxConnectRetries: 0 } })
  return world
}

/** What a process has written so far. */
const written = (child: ChildProcess) => {
  let text = ""
  child.stdout?.setEncoding("utf8").on("data", (more: string) => text += more)
  return { text: () => text, lines: () => text.split("\n").slice(0, -1) }
}

/** Ends with the block that it was started in, also when a test fails before. */
const started = (world: DaemonWorld.DaemonWorld, ...words: ReadonlyArray<string>) => {
  const child = start(world.directory, words, world.environment)
  return { child, ...written(child), [Symbol.dispose]: () => void child.kill("SIGKILL") }
}

const interrupted = async (child: ChildProcess): Promise<void> => {
  child.kill("SIGINT")
  const [code] = await once(child, "close")
  assert.strictEqual(code, 130)
}

describe("a status that is watched", () => {
  it("is a line of JSON for each change in a pipe, and ends by a signal", async () => {
    await using world = make()
    assert.strictEqual((await world.runCheaply("call", "spy", "echo", "text=a")).code, 0)
    using watch = started(world, "status", "--watch", "--json")
    const states = () => watch.lines().map((line) => JSON.parse(line))
    await until(() => states().length > 0)
    assert.strictEqual(states()[0].pid, world.daemons()[0])
    assert.strictEqual((await world.runCheaply("tools", "bad")).code, 4)
    await until(() =>
      states().some(({ failures }) => failures.some(({ server }: { readonly server: string }) => server === "bad"))
    )
    await interrupted(watch.child)
  })
})

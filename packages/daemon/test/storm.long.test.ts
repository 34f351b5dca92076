import { assert, describe, it } from "@effect/vitest"
import { measured, storm } from "./support/storm.ts"
import * as World from "./support/World.ts"

const say = (when: string, { descriptors, heap }: { readonly descriptors: number; readonly heap: number }): void =>
  void process.stdout.write(
    `the daemon ${when}: heap ${(heap / 1024 / 1024).toFixed(2)} MB, ${descriptors} descriptors\n`
  )

describe("the daemon in a storm", () => {
  it("of 20 programs with 50 calls each, twice, runs no call twice, harms nobody and leaves nothing", async () => {
    // More kills of the server within a minute would be a crash loop, and its quarantine another test's.
    const { after, before, calls, killed, lost, problems, servers } = await storm({
      programs: 20,
      calls: 50,
      kills: 2,
      seed: 20
    })
    say("before", before)
    say("after", after)
    process.stdout.write(
      `${calls} calls, ${lost} of unknown outcome, ${killed} programs and ${servers} servers killed\n`
    )
    assert.deepStrictEqual([problems, killed, servers], [[], 4, 4])
    assert.strictEqual(after.descriptors, before.descriptors)
  })

  it("of 1600 sessions and 16000 calls keeps nothing in memory", async () => {
    await using w = World.make("legacy")
    const daemon = await measured(w.home)
    const rounds: Array<{ readonly descriptors: number; readonly heap: number }> = []
    // For the first half of them code is still being compiled.
    for (let round = 0; round < 16; round++) {
      for (let batch = 0; batch < 10; batch++) {
        const hosts = await Promise.all(Array.from({ length: 10 }, () => w.connect({ shared: true })))
        await Promise.all(hosts.map(async (host) => {
          await host.greet()
          for (let n = 0; n < 10; n++) await host.call("echo", String(n))
          host.leave()
        }))
      }
      const now = await daemon.measure()
      say(`after ${100 * (round + 1)} sessions`, now)
      rounds.push(now)
    }
    await daemon.stop()
    const [middle, last] = [rounds[7], rounds[15]]
    assert.strictEqual(last?.descriptors, middle?.descriptors)
    // A session that was kept would be some kilobytes, and there were eight hundred in between.
    assert.isBelow((last?.heap ?? 0) - (middle?.heap ?? 0), 800 * 1024)
  })
})

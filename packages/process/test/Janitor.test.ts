import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as fs from "node:fs"
import * as path from "node:path"
import * as Ledger from "../src/internal/Ledger.ts"
import * as Orphans from "../src/internal/Orphans.ts"
import * as Runtime from "../src/internal/Runtime.ts"
import * as Janitor from "../src/Janitor.ts"
import * as Bystander from "./support/Bystander.ts"
import { eventually } from "./support/Child.ts"
import * as TemporaryFolder from "./support/TemporaryFolder.ts"

interface Written {
  readonly pid: number
  readonly start: string
  readonly boot?: string
  readonly namespace?: string
}

/** A folder of ledgers, and what a janitor does in it. */
const make = Effect.gen(function*() {
  const directory = path.join(yield* TemporaryFolder.make, "ledgers")
  fs.mkdirSync(directory, { mode: 0o700 })
  const here = Ledger.owner()
  const log: Array<string> = []
  const logger = Logger.make<unknown, void>(({ message }) => void log.push(String(message)))
  return {
    directory,
    log,
    write: ({ boot, namespace, pid, start }: Written, ...lines: ReadonlyArray<string>): string => {
      const runtime = Bystander.runtimeId()
      const head = `holdfast 1 ${pid} ${start} ${boot ?? here?.boot} ${namespace ?? here?.namespace}`
      fs.writeFileSync(path.join(directory, runtime), [head, ...lines, ""].join("\n"))
      return runtime
    },
    left: () => fs.existsSync(directory) ? fs.readdirSync(directory) : [],
    sweep: Effect.suspend(() => Orphans.sweep({ directory, self: "" })).pipe(
      Effect.provide(Logger.layer([logger]))
    ),
    look: Effect.suspend(() => Orphans.look({ directory, self: "", walk: Runtime.walk }))
  }
})

const tagged = (runtime: string, rest: string) => ({ HOLDFAST_TAG: `${runtime}.${rest}` })

const isGone = (one: Bystander.Bystander) => eventually(`process ${one.pid} is gone`, () => !one.lives())

describe("the janitor", () => {
  it.live("ends what a dead runtime has left, by group and by tag, and removes its ledger", () =>
    Effect.gen(function*() {
      const { directory, sweep, write } = yield* make
      const child = yield* Bystander.start()
      const orphaned = yield* Bystander.start()
      const stranger = yield* Bystander.start()
      const runtime = write(
        yield* Bystander.dead,
        `add 1 ${child.pid} ${child.start} kill`,
        `add 2 ${stranger.pid} ${Number(stranger.start) - 1} kill`,
        `add 4 ${orphaned.pid} ${orphaned.start} kill`,
        "del 4",
        "expect 5"
      )
      const escapee = yield* Bystander.start(tagged(runtime, "1.kill"))
      const meantToStay = yield* Bystander.start(tagged(runtime, "3.group"))
      const unregistered = yield* Bystander.start(tagged(runtime, "5.group"))
      assert.strictEqual(yield* sweep, 1)
      for (const one of [child, escapee, unregistered]) yield* isGone(one)
      for (const one of [stranger, meantToStay, orphaned]) assert.isTrue(one.lives())
      assert.isFalse(fs.existsSync(directory))
      assert.strictEqual(yield* sweep, 0)
    }))

  it.live("tells what it would end, with its command and its dead owner, and ends nothing by that", () =>
    Effect.gen(function*() {
      const { left, look, sweep, write } = yield* make
      const stranger = yield* Bystander.start()
      const dead = yield* Bystander.dead
      const runtime = write(dead, `add 1 ${stranger.pid} 1 kill`, "expect 3")
      const child = yield* Bystander.start(tagged(runtime, "1.kill"))
      const meantToStay = yield* Bystander.start(tagged(runtime, "2.group"))
      const unregistered = yield* Bystander.start(tagged(runtime, "3.group"))
      const command = fs.readFileSync(`/proc/${child.pid}/cmdline`, "utf8").split("\0").join(" ").trim()
      const orphans = [child, unregistered].map(({ pid }) => ({ pid, command, owner: dead.pid }))
      assert.sameDeepMembers([...(yield* look)], orphans)
      for (const one of [child, stranger, meantToStay, unregistered]) assert.isTrue(one.lives())
      assert.deepStrictEqual(left(), [runtime])
      assert.strictEqual(yield* sweep, 1)
      assert.deepStrictEqual(yield* look, [])
    }))

  it.live("ends a group without a leader only if a member bears the dead runtime's tag", () =>
    Effect.gen(function*() {
      const { directory, sweep, write } = yield* make
      const stranger = yield* Bystander.startLeaderless()
      const runtime = write(yield* Bystander.dead, `add 1 ${stranger.group} ${stranger.startOfLeader} kill`)
      const member = yield* Bystander.startLeaderless(tagged(runtime, "2.group"))
      fs.appendFileSync(path.join(directory, runtime), `add 2 ${member.group} ${member.startOfLeader} group\n`)
      assert.strictEqual(yield* sweep, 1)
      yield* isGone(member)
      assert.isTrue(stranger.lives())
    }))

  it.live("touches nothing of a runtime that lives, in this process table or another", () =>
    Effect.gen(function*() {
      const { left, sweep, write } = yield* make
      const owner = yield* Bystander.start()
      const dead = yield* Bystander.dead
      const child = yield* Bystander.start()
      const line = `add 1 ${child.pid} ${child.start} kill`
      const living = write(owner, line)
      const elsewhere = write({ ...dead, namespace: "1" }, line)
      const escapees = [
        yield* Bystander.start(tagged(living, "1.kill")),
        yield* Bystander.start(tagged(elsewhere, "1.kill")),
        yield* Bystander.start(tagged(Bystander.runtimeId(), "1.kill"))
      ]
      assert.strictEqual(yield* sweep, 0)
      for (const one of [child, ...escapees]) assert.isTrue(one.lives())
      assert.sameMembers([...left()], [living, elsewhere])
    }))

  it.live("a living process that got a dead owner's number is not the owner", () =>
    Effect.gen(function*() {
      const { sweep, write } = yield* make
      const stranger = yield* Bystander.start()
      const runtime = write({ pid: stranger.pid, start: `${Number(stranger.start) - 1}` })
      const escapee = yield* Bystander.start(tagged(runtime, "1.kill"))
      assert.strictEqual(yield* sweep, 1)
      yield* isGone(escapee)
      assert.isTrue(stranger.lives())
    }))

  it.live("of an earlier run of the machine only the ledger is removed: its numbers mean nothing any more", () =>
    Effect.gen(function*() {
      const { left, sweep, write } = yield* make
      const child = yield* Bystander.start()
      const boot = "00000000-0000-4000-8000-000000000000"
      const runtime = write({ ...(yield* Bystander.dead), boot }, `add 1 ${child.pid} ${child.start} kill`)
      const escapee = yield* Bystander.start(tagged(runtime, "1.kill"))
      assert.strictEqual(yield* sweep, 1)
      assert.isTrue(child.lives())
      assert.isTrue(escapee.lives())
      assert.deepStrictEqual(left(), [])
    }))

  it.live("leaves what is no ledger alone, and says so", () =>
    Effect.gen(function*() {
      const { directory, left, log, sweep } = yield* make
      const child = yield* Bystander.start()
      const file = path.join(directory, Bystander.runtimeId())
      fs.writeFileSync(file, `holdfast 2 something else\nadd 1 ${child.pid} ${child.start} kill\n`)
      fs.writeFileSync(path.join(directory, "notes"), "")
      fs.mkdirSync(path.join(directory, Bystander.runtimeId()))
      assert.strictEqual(yield* sweep, 0)
      assert.isTrue(child.lives())
      assert.lengthOf(left(), 3)
      assert.deepStrictEqual(log, [
        `${file} is no ledger of ours and is left alone. If no other version uses it, delete it`
      ])
    }))

  it.live("has nothing to do in a clean place", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* Janitor.sweep, 0)
    }))
})

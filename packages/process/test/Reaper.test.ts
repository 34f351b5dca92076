import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as fs from "node:fs"
import * as path from "node:path"
import process from "node:process"
import * as Ledger from "../src/internal/Ledger.ts"
import * as ReaperProcess from "../src/internal/ReaperProcess.ts"
import * as Reaper from "../src/Reaper.ts"
import * as SupervisedProcess from "../src/SupervisedProcess.ts"
import * as Bystander from "./support/Bystander.ts"
import { awaitOutput, eventually, program, readAll } from "./support/Child.ts"
import * as ProcessTable from "./support/ProcessTable.ts"

const isLiving = (pid: number): boolean => ProcessTable.living().some((entry) => entry.pid === pid)

/** A reaper of an invented runtime, and its death. */
const make = Effect.gen(function*() {
  let death = ""
  const reaper = ReaperProcess.start({
    runtime: Bystander.runtimeId(),
    ledger: undefined,
    platform: { table: "proc" },
    onDeath: (how) => {
      death = how
    }
  })
  assert.isDefined(reaper)
  yield* Effect.addFinalizer(() => Effect.sync(reaper.kill))
  return { reaper, death: () => death }
})

const target = (pid: number, descriptor: string): string => {
  try {
    return fs.readlinkSync(`/proc/${pid}/fd/${descriptor}`)
  } catch {
    // The descriptor with which the folder was listed is closed by now.
    return ""
  }
}

const targetsOf = (pid: number): ReadonlyArray<string> =>
  fs.readdirSync(`/proc/${pid}/fd`).map((descriptor) => target(pid, descriptor))

const environmentOf = (pid: number): ReadonlyArray<string> =>
  fs.readFileSync(`/proc/${pid}/environ`, "utf8").split("\0").filter((entry) => entry !== "")

describe("a reaper", () => {
  it.live("is deaf to the signals that end programs, and still does its work", () =>
    Effect.gen(function*() {
      const { death, reaper } = yield* make
      const child = yield* Bystander.start()
      reaper.tell(`add 1 ${child.pid} ${child.start} kill`)
      yield* eventually("it listens", () => isDeaf(reaper.pid))
      for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const) process.kill(reaper.pid, signal)
      reaper.endLifeline()
      yield* eventually("the child is gone", () => !child.lives())
      yield* eventually("the reaper is gone", () => !isLiving(reaper.pid))
      assert.strictEqual(death(), "")
    }))

  it.live("has a session of its own, PATH alone as environment, and nothing of this program open", () =>
    Effect.gen(function*() {
      const { reaper } = yield* make
      assert.deepStrictEqual(
        environmentOf(reaper.pid).map((entry) => entry.split("=")[0]),
        ["PATH"]
      )
      assert.strictEqual(fs.readlinkSync(`/proc/${reaper.pid}/cwd`), "/")
      assert.strictEqual(ProcessTable.find(reaper.pid)?.group, reaper.pid)
      assert.match(target(reaper.pid, "0"), /^socket:/)
      assert.strictEqual(target(reaper.pid, "1"), "/dev/null")
      assert.strictEqual(target(reaper.pid, "2"), "/dev/null")
    }))
})

/** Ignored or handled: bits of proc_pid_status(5). */
const isDeaf = (pid: number): boolean => {
  const status = fs.readFileSync(`/proc/${pid}/status`, "utf8")
  const mask = (name: string) => BigInt(`0x${new RegExp(`${name}:\\s*([0-9a-f]+)`).exec(status)?.[1] ?? "0"}`)
  const deaf = mask("SigIgn") | mask("SigCgt")
  return [1n, 2n, 3n, 15n].every((signal) => (deaf & (1n << (signal - 1n))) !== 0n)
}

describe("the reaper of this program", () => {
  it.live("runs from the first spawn on, is one for all children and knows how many there are", () =>
    Effect.gen(function*() {
      yield* Reaper.start
      const before = yield* Reaper.status
      assert.deepInclude(before, { state: "running", kind: "sh", registered: 0 })
      const scope = yield* Scope.make()
      yield* Effect.repeat(
        Scope.provide(SupervisedProcess.spawn({ command: "cat", args: [] }), scope),
        { times: 2 }
      )
      assert.deepStrictEqual(yield* Reaper.status, { ...before, registered: 3 })
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(yield* Reaper.status, before)
    }))

  it.live("expects nothing any more after a spawn that failed", () =>
    Effect.gen(function*() {
      const { runtime } = yield* Reaper.status
      yield* Effect.flip(Effect.scoped(SupervisedProcess.spawn({ command: "no-such-command", args: [] })))
      const account = Ledger.readAll(Ledger.defaultDirectory()).accounts.find((one) => one.runtime === runtime)
      assert.isUndefined(account)
    }))

  it.live("writes the same down in the ledger", () =>
    Effect.gen(function*() {
      const child = yield* SupervisedProcess.spawn({ command: "cat", args: [], descendants: "group" })
      const { runtime } = yield* Reaper.status
      const account = Ledger.readAll(Ledger.defaultDirectory()).accounts.find((one) => one.runtime === runtime)
      assert.deepInclude([...account?.registered.values() ?? []][0], { group: child.pid, policy: "group" })
      assert.strictEqual(account?.owner.pid, process.pid)
    }))

  it.live("keeps its lifeline from the children: none of them has a socket but its own three", () =>
    Effect.gen(function*() {
      const child = yield* SupervisedProcess.spawn({ command: "cat", args: [] })
      // Once it echoes it has started, and nothing is open any more that starting takes.
      child.stdin.write("hello\n")
      yield* awaitOutput(child.stdout, "hello")
      const own = targetsOf(process.pid).filter((to) => to.startsWith("socket:"))
      const inherited = targetsOf(child.pid).filter((to) => to.startsWith("socket:"))
      assert.lengthOf(inherited, 3)
      assert.isAbove(own.length, 3)
      assert.deepStrictEqual(inherited.filter((to) => own.includes(to)), [])
    }))

  it.live("is replaced when it dies, and its successor knows the children", () =>
    Effect.gen(function*() {
      const host = yield* SupervisedProcess.spawn(program("host-reaper.ts"))
      const output = yield* readAll(host.stdout)
      // The program's own log comes before it.
      assert.include(output, "the reaper has died (SIGKILL) and is replaced")
      const [group = 0, escapee = 0, first = 0, second = 0] =
        output.trim().split("\n").at(-1)?.split(" ").map(Number) ?? []
      assert.strictEqual((yield* host.exit).signal, "SIGKILL")
      for (const pid of [group, escapee, first, second]) assert.isAbove(pid, 1)
      assert.notStrictEqual(first, second)
      yield* eventually("the stubborn group is gone", () => ProcessTable.livingOf(group).length === 0)
      yield* eventually("who left it is gone", () => !isLiving(escapee))
      yield* eventually("the reaper is gone", () => !isLiving(second))
      const owners = Ledger.readAll(Ledger.defaultDirectory()).accounts.map(({ owner }) => owner.pid)
      assert.notInclude(owners, host.pid)
    }))

  it.live("keeps nothing alive: a program ends that has started it and no child", () =>
    Effect.gen(function*() {
      const host = yield* SupervisedProcess.spawn(program("host-death.ts", "idle"))
      const reaper = Number(yield* readAll(host.stdout))
      assert.strictEqual((yield* host.exit).code, 0)
      yield* eventually("the reaper is gone", () => !isLiving(reaper))
    }))
})

describe("who has left the group of a process", () => {
  const escapeArtist = (manner: string): SupervisedProcess.SpawnOptions => ({
    command: "sh",
    args: ["-c", manner],
    gracePeriod: "1 hour",
    terminateTimeout: "1 hour"
  })
  const pidIn = (output: string): number => Number(/ready (\d+)/.exec(output)?.[1])

  it.live("by a session of its own is ended with it by TERM", () =>
    Effect.gen(function*() {
      const child = yield* SupervisedProcess.spawn(
        escapeArtist(
          "setsid sh -c 'trap \"echo got TERM >&2; exit\" TERM; echo ready $$; while :; do sleep 0.01; done'"
        )
      )
      const escapee = pidIn(yield* awaitOutput(child.stdout, "ready"))
      assert.isTrue(isLiving(escapee))
      child.stdin.end()
      process.kill(child.pid, "SIGKILL")
      yield* child.exit
      yield* child.close
      assert.isFalse(isLiving(escapee))
      assert.include(child.stderrTail(), "got TERM")
    }))

  it.live("and ignores TERM is ended by KILL when the time is up", () =>
    Effect.gen(function*() {
      const child = yield* SupervisedProcess.spawn({
        ...escapeArtist("setsid sh -c 'trap \"\" TERM; echo ready $$; exec sleep 60' & read line"),
        terminateTimeout: "50 millis"
      })
      const escapee = pidIn(yield* awaitOutput(child.stdout, "ready"))
      yield* child.close
      assert.isFalse(isLiving(escapee))
    }))

  it.live("as a daemon, by a double fork, is ended with it", () =>
    Effect.gen(function*() {
      const child = yield* SupervisedProcess.spawn(
        escapeArtist("setsid sh -c '( sleep 60 & echo ready $! ) & exit 0' </dev/null 2>/dev/null; read line")
      )
      const escapee = pidIn(yield* awaitOutput(child.stdout, "ready"))
      assert.strictEqual(ProcessTable.livingOf(child.pid).length, 1)
      yield* child.close
      assert.isFalse(isLiving(escapee))
    }))

  it.live("lives on where descendants are to be ended by group only", () =>
    Effect.gen(function*() {
      const child = yield* SupervisedProcess.spawn({
        ...escapeArtist("setsid sleep 60 >/dev/null 2>&1 & echo ready $!; sleep 60 & read line"),
        descendants: "group"
      })
      const escapee = pidIn(yield* awaitOutput(child.stdout, "ready"))
      yield* Effect.addFinalizer(() => Effect.sync(() => process.kill(escapee, "SIGKILL")))
      yield* eventually("it has left the group", () => ProcessTable.find(escapee)?.group === escapee)
      yield* child.close
      assert.isTrue(isLiving(escapee))
      assert.deepStrictEqual(ProcessTable.livingOf(child.pid), [])
    }))

  it.live("of one process lives on when another process is closed", () =>
    Effect.gen(function*() {
      const script = "setsid sleep 60 >/dev/null 2>&1 & echo ready $!; read line"
      const [first, second] = [
        yield* SupervisedProcess.spawn(escapeArtist(script)),
        yield* SupervisedProcess.spawn(escapeArtist(script))
      ]
      const ofFirst = pidIn(yield* awaitOutput(first.stdout, "\n"))
      const ofSecond = pidIn(yield* awaitOutput(second.stdout, "\n"))
      yield* eventually(
        "both have left",
        () => [ofFirst, ofSecond].every((pid) => ProcessTable.find(pid)?.group === pid)
      )
      yield* first.close
      assert.isFalse(isLiving(ofFirst))
      assert.isTrue(isLiving(ofSecond))
    }))
})

describe("the platform of the reaper", () => {
  it("is a POSIX shell and /proc here", () => {
    assert.isTrue(fs.existsSync(path.join("/", "bin", "sh")))
    assert.deepStrictEqual(ReaperProcess.detect(), { table: "proc" })
  })
})

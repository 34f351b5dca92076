/**
 * No caller learns anything of another's job, or changes it: each operation is tried on every kind of host. Reported of others, for example, as
 * modelcontextprotocol#2054, PrefectHQ/fastmcp#3758, prebid/salesagent#1808.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Jobs from "@holdfast/jobs/Jobs"
import type { JobStore } from "@holdfast/jobs/JobStore"
import type { AuthInfo } from "@modelcontextprotocol/sdk/server/auth/types.js"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import {
  type Answered,
  type Caller,
  clientOnly,
  type Host,
  legacyHosts,
  modernHosts,
  oneSession,
  ScanLive,
  sdkHost
} from "./support/tenants.ts"

/** An id that is nobody's. */
const unknown = "5b6cf0c2-1b1d-4c3e-9f0c-0f4b4a9a7e11"

type Attempt = (caller: Caller, id: string) => Effect.Effect<Answered>

const tool = (name: string, more: object = {}): Attempt => (caller, id) =>
  caller.ask("tools/call", { name, arguments: { id, ...more } })
const task = (method: string, more: object = {}): Attempt => (caller, taskId) => caller.ask(method, { taskId, ...more })

const byTools: Readonly<Record<string, Attempt>> = {
  "to look at": tool("get_scan_progress"),
  "to wait for": tool("get_scan_progress", { wait_seconds: 0.05 }),
  "to fetch": tool("get_scan_results"),
  "to cancel": tool("cancel_scan")
}

const byTasks: Readonly<Record<string, Attempt>> = {
  "tasks/get": task("tasks/get"),
  "tasks/result": task("tasks/result"),
  "tasks/cancel": task("tasks/cancel")
}

const byTheExtension: Readonly<Record<string, Attempt>> = {
  "tasks/get": task("tasks/get"),
  "tasks/update": task("tasks/update", { inputResponses: {} }),
  "tasks/cancel": task("tasks/cancel")
}

const said = (answer: Answered, id: string): string => JSON.stringify(answer).replaceAll(id, "ID")

const idIn = (answer: Answered): string => {
  const value = "result" in answer ? answer.result["structuredContent"] : undefined
  assert.isObject(value, JSON.stringify(answer))
  return String((value as { readonly id?: unknown }).id)
}

/** A job of alice's that goes on, and one that is done. */
const jobsOf = (alice: Caller) =>
  Effect.gen(function*() {
    const start = (path: string) => Effect.map(alice.ask("tools/call", { name: "run_scan", arguments: { path } }), idIn)
    const going = yield* start("/never")
    const done = yield* start("/done")
    const ended = yield* tool("get_scan_progress", { wait_seconds: 20 })(alice, done)
    assert.include(JSON.stringify(ended), "\"succeeded\"")
    return { going, done }
  })

const live = (sentence: string, test: Effect.Effect<void, unknown, Jobs.Jobs | JobStore | Scope.Scope>) =>
  it.live(sentence, () => Effect.provide(Effect.scoped(test), ScanLive))

const attacked = (open: Effect.Effect<Host, unknown, Jobs.Jobs | JobStore | Scope.Scope>, attempt: Attempt) =>
  Effect.gen(function*() {
    const { as } = yield* open
    const alice = yield* as("alice")
    const jobs = yield* jobsOf(alice)
    const bob = yield* as("bob")
    const none = said(yield* attempt(bob, unknown), unknown)
    for (const id of [jobs.going, jobs.done]) {
      const answer = said(yield* attempt(bob, id), id)
      assert.notInclude(answer, "s3cret")
      assert.strictEqual(answer, none)
    }
    const still = yield* tool("get_scan_progress")(yield* as("alice"), jobs.going)
    assert.match(JSON.stringify(still), /"state":"(?:queued|running)"/)
    // What is refused to others is answered to its owner, from another session.
    for (const id of [jobs.done, jobs.going]) {
      // The result of what goes on for ever is not waited for.
      if (attempt === byTasks["tasks/result"] && id === jobs.going) continue
      assert.notStrictEqual(said(yield* attempt(yield* as("alice"), id), id), none)
    }
  })

const lists = (open: Effect.Effect<Host, unknown, Jobs.Jobs | JobStore | Scope.Scope>, hasTasks: boolean) =>
  Effect.gen(function*() {
    const { as } = yield* open
    const { done, going } = yield* jobsOf(yield* as("alice"))
    const asking = hasTasks ? ["list_scans", "tasks/list"] : ["list_scans"]
    for (const name of ["alice", "bob"]) {
      const caller = yield* as(name)
      for (const method of asking) {
        const answer = JSON.stringify(
          yield* method === "tasks/list"
            ? caller.ask(method)
            : caller.ask("tools/call", { name: method, arguments: {} })
        )
        for (const id of [going, done]) {
          assert.strictEqual(answer.includes(id), name === "alice", `${method}: ${answer}`)
        }
      }
    }
  })

const keys = (open: Effect.Effect<Host, unknown, Jobs.Jobs | JobStore | Scope.Scope>) =>
  Effect.gen(function*() {
    const { as } = yield* open
    const { done } = yield* jobsOf(yield* as("alice"))
    const same = yield* (yield* as("bob")).ask("tools/call", { name: "run_scan", arguments: { path: "/done" } })
    assert.notStrictEqual(idIn(same), done)
  })

for (
  const [hosts, tasks] of [[legacyHosts, byTasks], [modernHosts, byTheExtension]] as const
) {
  for (const [host, open] of Object.entries(hosts)) {
    describe(`on ${host}, another's job`, () => {
      for (const [what, attempt] of Object.entries(byTools)) {
        live(`is as none to the tool ${what} it`, attacked(open, attempt))
      }
      for (const [method, attempt] of Object.entries(tasks)) {
        live(`is as none to ${method}`, attacked(open, attempt))
      }
      live(
        hosts === legacyHosts ? "is in no list, of jobs or of tasks" : "is in no list",
        lists(open, hosts === legacyHosts)
      )
      live("is not joined by the same arguments", keys(open))
    })
  }
}

describe("on a host of the SDK's, jobs", () => {
  for (const [what, attempt] of Object.entries({ ...byTasks, "the tools": byTools["to fetch"] ?? assert.fail() })) {
    live(`are of whom the request is by, not of whom has opened the session: ${what}`, attacked(oneSession, attempt))
  }

  live(
    "are apart by the subject of the token, where callers share one OAuth client",
    attacked(
      sdkHost((name): AuthInfo => ({ ...clientOnly("desktop"), extra: { sub: name } })),
      task("tasks/get")
    )
  )

  live(
    "of a client are not those of a subject of another client, whatever it is called",
    Effect.gen(function*() {
      const { as } = yield* sdkHost((name): AuthInfo => {
        if (name === "alice") return { ...clientOnly("desktop"), extra: { sub: "alice" } }
        return clientOnly(name === "bob" ? `["desktop","alice"]` : `desktop","alice`)
      })
      const { going } = yield* jobsOf(yield* as("alice"))
      for (const name of ["bob", "eve"]) {
        const answer = yield* task("tasks/get")(yield* as(name), going)
        assert.property(answer, "error")
      }
    })
  )

  live(
    "of callers that are not known are not those of callers that are",
    Effect.gen(function*() {
      const { as } = yield* sdkHost((name) => name === "nobody" ? undefined : clientOnly(name))
      const { going } = yield* jobsOf(yield* as("alice"))
      const nobody = yield* as("nobody")
      assert.property(yield* task("tasks/get")(nobody, going), "error")
      const { going: own } = yield* jobsOf(nobody)
      assert.notStrictEqual(own, going)
      assert.property(yield* task("tasks/get")(yield* as("alice"), own), "error")
    })
  )
})

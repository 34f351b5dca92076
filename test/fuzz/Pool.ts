/**
 * The same scripts against the whole client: pool, replay, leases, over servers in memory and in a world whose clock and scheduler the
 * seed decides. The first connection says what the script has bent; every later one is sound, and is what calls are healed by.
 *
 * Time goes on only when nobody can run: no innocent call ever meets a deadline.
 */
import { McpConfig, McpConnections, type McpRuntimeError } from "@holdfast/mcp"
import { MemoryServer } from "@holdfast/mcp/testing"
import { Simulation } from "@holdfast/testkit"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as fc from "fast-check"
import { isDeepStrictEqual } from "node:util"
import { cut, describe, handlersOf, longestMessage } from "./Conversation.ts"
import type { Fault } from "./Fault.ts"
import * as Framing from "./Framing.ts"
import type { Target } from "./Fuzz.ts"
import { endings } from "./links/Memory.ts"
import type { Said } from "./links/Wire.ts"
import * as Oracle from "./Oracle.ts"
import * as Script from "./Script.ts"

export interface PoolScript extends Script.Script {
  readonly seed: number
  /** Whether calls may be repeated, by index. */
  readonly repeatable: ReadonlyArray<boolean>
  /** What is done to the answer to the first handshake. Mostly nothing. */
  readonly hello: ReadonlyArray<Script.Mutation>
  /** The client finds out for itself which era its server is of. */
  readonly isEraAsked: boolean
}

const name = "fuzzed"

const program = (script: PoolScript, broken: (promise: string, detail: string) => void) =>
  Effect.gen(function*() {
    // Ids are given in the order in which calls are handed over, which the scheduler decides.
    const ids = new Map<number, number>()
    let rendered = Script.render(script, Script.all, Framing.lines)
    const { calls, recording } = rendered
    let opened = 0
    const markOf = ({ params }: Said): number | undefined =>
      typeof params === "object" && params !== null && "call" in params && typeof params.call === "number"
        ? params.call
        : undefined
    const server = yield* MemoryServer.script((peer) =>
      Effect.gen(function*() {
        const isFirst = opened++ === 0
        for (;;) {
          const said: Said = JSON.parse(yield* peer.read)
          if (said.id === undefined || said.method === undefined) continue
          const mark = markOf(said)
          const hello = recording.era === "legacy" ? "initialize" : "server/discover"
          if (said.method === hello && mark === undefined) {
            const frame = { ...recording.hello, id: Number(said.id) }
            if (isFirst) peer.write(Script.bend(frame, script.hello, Framing.lines))
            else peer.send(frame)
          } else if (said.method === "server/discover" && mark === undefined) {
            peer.send({ jsonrpc: "2.0", id: said.id, error: { code: -32601, message: "Method not found" } })
          } else if (mark === undefined) peer.send({ jsonrpc: "2.0", id: said.id, result: {} })
          else if (!isFirst) peer.send({ ...calls[mark]?.frames.at(-1), id: said.id })
          else {
            ids.set(mark, Number(said.id))
            if (ids.size < calls.length) continue
            rendered = Script.render(script, Script.all, Framing.lines, (index) => ids.get(index) ?? 0)
            for (const chunk of rendered.chunks) {
              peer.write(chunk)
              yield* Effect.yieldNow
            }
            if (script.end !== undefined) endings[script.end.how % endings.length]?.run(peer)
            else peer.write(Framing.lines.rest)
          }
        }
      })
    )
    const config = yield* Effect.orDie(
      McpConfig.make({ [name]: { endpoint: server.endpoint, ...(!script.isEraAsked && { era: recording.era }) } })
    )
    const scope = yield* Scope.make()
    const mcp = yield* Scope.provide(
      McpConnections.make(config, {
        clientInfo: { name: "fuzz", version: "1" },
        // The clock is the world's own: a handler may keep silent in either era.
        handlers: handlersOf(script.handling, "legacy")
      }),
      scope
    ).pipe(Effect.orDie)
    const running: Array<Fiber.Fiber<unknown, McpRuntimeError>> = []
    for (const [index, { method, params }] of calls.entries()) {
      const asking = mcp.request(name, { method, params: { ...params, call: index } }, {
        idempotent: script.repeatable[index % script.repeatable.length] ?? false,
        onProgress: () => {
          if (script.listenersThrow) throw new Error("the listener threw")
        }
      })
      running.push(yield* Effect.forkChild(asking))
    }
    const exits: Array<Exit.Exit<unknown, McpRuntimeError>> = []
    for (const fiber of running) exits.push(yield* Fiber.await(fiber))
    const judgement = Oracle.judge(rendered, Framing.lines.read(rendered.bytes), [])
    for (const [index, call] of rendered.calls.entries()) {
      const exit = exits[index]
      if (exit === undefined) continue
      const what = `${call.id} ${call.method}: ${describe(exit)}`
      const answer = call.frames.at(-1)
      // Of a first connection that came to nothing nothing is known, and no call has been asked on it.
      if (ids.size === calls.length && judgement.ofCall({ ...call, isCancelled: false }) === "innocent") {
        const failure = Exit.isFailure(exit) ? Cause.findErrorOption(exit.cause) : undefined
        const reason = failure?._tag === "Some" ? failure.value.reason : undefined
        const isRight = answer?.error === undefined
          ? Exit.isSuccess(exit) && isDeepStrictEqual(exit.value, answer?.result)
          : reason?._tag === "ServerError" && reason.code === answer.error.code
        if (!isRight) broken("an innocent call gets its own answer", `${cut(JSON.stringify(answer))} but ${what}`)
      }
      if (Exit.isSuccess(exit)) continue
      if (Cause.hasDies(exit.cause)) broken("no call dies of a defect", what)
      const failure = Cause.findErrorOption(exit.cause)
      if (failure._tag === "None") broken("no call is interrupted", what)
      else {
        if (failure.value._tag !== "McpRuntimeError") broken("a failure is an McpRuntimeError", what)
        if (failure.value.message.length > longestMessage) {
          broken("messages are bounded", String(failure.value.message.length))
        }
      }
    }
    // Whatever happened, the server is there for the next call.
    const later = yield* Effect.exit(mcp.request(name, { method: "ping", params: {} }, { idempotent: true }))
    if (Exit.isFailure(later)) {
      broken("a later call works", describe(later))
    }
    const { leases, waiting } = yield* mcp.snapshot
    if (leases > 0 || waiting > 0) broken("no lease is left", `${leases} leases, ${waiting} waiting`)
    yield* Scope.close(scope, Exit.void)
    const left = server.connections().length
    if (left > 0) broken("no connection is left", String(left))
    return rendered.frames
  })

export const pool: Target<PoolScript> = {
  name: "pool",
  arbitrary: fc.tuple(
    Script.arbitrary(Framing.lines, Script.all),
    fc.record({
      seed: fc.nat(),
      repeatable: fc.array(fc.boolean(), { minLength: 1, maxLength: 8 }),
      hello: fc.oneof(
        { weight: 5, arbitrary: fc.constant([]) },
        { weight: 1, arbitrary: fc.array(Script.mutation(Framing.lines), { minLength: 1, maxLength: 3 }) }
      ),
      isEraAsked: fc.boolean()
    })
  ).map(([script, own]) => ({
    ...script,
    ...own,
    cancelled: [],
    // Nothing is said here before everything is asked.
    mutations: script.mutations.filter(({ name }) => !name.startsWith("order: early"))
  })),
  lists: ["hello", ...Script.lists],
  show: (script) => {
    const rendered = Script.render(script, Script.all, Framing.lines)
    const hello = Script.bend({ ...rendered.recording.hello, id: 1 }, script.hello, Framing.lines)
    return `the handshake is answered: ${cut(JSON.stringify(hello.toString("latin1")))}\n${Script.show(rendered)}`
  },
  run: (script) =>
    Effect.sync(() => {
      const faults: Array<Fault> = []
      const broken = (promise: string, detail: string): void => void faults.push({ promise, detail })
      const { exit, sleepersLeft, tasksLeft, verdict } = Simulation.run(script.seed, program(script, broken))
      if (verdict !== "finished") broken("a run comes to its end", verdict)
      else if (exit !== undefined && Exit.isFailure(exit)) broken("nothing is thrown", describe(exit))
      if (sleepersLeft + tasksLeft > 0) broken("no fiber is left", `${sleepersLeft} sleeping, ${tasksLeft} runnable`)
      const frames = exit !== undefined && Exit.isSuccess(exit) ? exit.value : 0
      return { faults, frames, mutations: script.mutations.length + script.hello.length }
    })
}

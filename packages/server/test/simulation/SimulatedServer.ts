/**
 * A server that behaves as servers do, good and bad, as a seed decides: it takes long to be made or never is, it answers late or never,
 * says more than it was asked, closes itself, and goes on talking when nobody listens any more.
 *
 * Nothing in it is a real promise: in a simulation nobody would ever come back from one.
 */
import type { SdkServer } from "@holdfast/server/McpHost"
import type * as SeededRandom from "@holdfast/testkit/SeededRandom"
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js"
import type { JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"

export interface ServerWorld {
  readonly random: SeededRandom.SeededRandom
  readonly fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
  /** How long a handshake may take, in milliseconds. */
  readonly handshake: number
  /** What was acquired for servers and not yet released. */
  held: number
  /** Servers that are being made. */
  making: number
  /** Calls in whose course something was asked. */
  readonly asked: Set<string | number>
  readonly violate: (invariant: string, detail: string) => void
}

/** What the answer to a call says. */
export const answerTo = (call: string, size: number): string => `${call}:${"x".repeat(size)}`

export const make = (world: ServerWorld): Effect.Effect<SdkServer, string, Scope.Scope> =>
  Effect.uninterruptibleMask((restore) => {
    const { handshake, random } = world
    let isMade = false
    world.making++
    const acquired = Effect.acquireRelease(
      Effect.sync(() => void world.held++),
      () =>
        Effect.sync(() => {
          if (!isMade) world.violate("nothing is released while the server is still being made", "")
          world.held--
        })
    )
    const waited = Effect.suspend(() => {
      const dice = random.next()
      const takes = Effect.sleep(random.int(1, 2 * handshake))
      if (dice < 0.4) return Effect.void
      if (dice < 0.7) return takes
      if (dice < 0.8) return Effect.uninterruptible(Effect.sleep(random.int(1, 20_000)))
      return dice < 0.9 ? Effect.never : Effect.andThen(takes, Effect.fail("no server today"))
    })
    return restore(Effect.andThen(acquired, waited)).pipe(
      Effect.ensuring(Effect.sync(() => {
        world.making--
        isMade = true
      })),
      Effect.map(() => serving(world))
    )
  })

/** A promise that is there already. The SDK's contract wants a whole one, Effect wants `then` and nothing more. */
// oxlint-disable-next-line unicorn/no-thenable -- nobody awaits it by accident: it is handed to one place
const resolved = { then: (done: () => void) => done() } as unknown as Promise<void>

const serving = ({ asked, fork, handshake, random }: ServerWorld): SdkServer => {
  let transport: Transport | undefined
  const running = new Set<Fiber.Fiber<void>>()
  const questions = new Map<string, () => void>()
  let nextQuestion = 1

  const say = (message: JSONRPCMessage, relatedRequestId?: string | number): void =>
    void transport?.send(message, relatedRequestId === undefined ? {} : { relatedRequestId })
  const run = (effect: Effect.Effect<void>): void => {
    const fiber = fork(effect)
    running.add(fiber)
    fiber.addObserver(() => running.delete(fiber))
  }

  const greet = (id: string | number): Effect.Effect<void> => {
    const dice = random.next()
    const answer = Effect.sync(() =>
      dice < 0.1
        ? say({ jsonrpc: "2.0", id, error: { code: -32602, message: "not you" } })
        : say({
          jsonrpc: "2.0",
          id,
          result: { protocolVersion: "2025-11-25", capabilities: {}, serverInfo: { name: "simulated", version: "1" } }
        })
    )
    if (dice < 0.6) return answer
    if (dice < 0.85) return Effect.andThen(Effect.sleep(random.int(1, handshake * 1.5)), answer)
    return dice < 0.9 ? Effect.sync(() => void transport?.close()) : Effect.never
  }

  const progress = (id: string | number): Effect.Effect<void> =>
    Effect.sync(() =>
      say({
        jsonrpc: "2.0",
        method: "notifications/progress",
        params: { progressToken: id, progress: 1, message: "p".repeat(random.int(0, 300)) }
      }, id)
    )

  const ask = (id: string | number): Effect.Effect<void> =>
    Effect.suspend(() => {
      const name = `question-${nextQuestion++}`
      asked.add(id)
      const answered = Effect.callback<void>((resume) => {
        questions.set(name, () => resume(Effect.void))
        say({ jsonrpc: "2.0", id: name, method: "elicitation/create", params: { call: id } }, id)
      })
      return Effect.asVoid(Effect.timeoutOption(answered, 20_000))
    })

  const serve = (id: string | number, call: string): Effect.Effect<void> => {
    const pause = Effect.suspend(() => Effect.sleep(random.int(0, 3000)))
    const steps: Array<Effect.Effect<void>> = []
    for (let left = random.int(0, 4); left > 0; left--) {
      steps.push(pause, random.chance(0.2) ? ask(id) : progress(id))
      if (random.chance(0.2)) {
        steps.push(
          Effect.sync(() =>
            say({ jsonrpc: "2.0", method: "notifications/message", params: { data: "m".repeat(random.int(0, 300)) } })
          )
        )
      }
    }
    const dice = random.next()
    if (dice < 0.05) steps.push(Effect.never)
    if (dice > 0.97) steps.push(Effect.sync(() => void transport?.close()))
    const result = { content: answerTo(call, random.int(0, 3000)) }
    steps.push(Effect.sync(() => say({ jsonrpc: "2.0", id, result })))
    return Effect.asVoid(Effect.all(steps, { discard: true }))
  }

  return {
    connect: (given) => {
      transport = given
      given.onmessage = (message) => {
        if (!("method" in message)) {
          if (message.id !== undefined) questions.get(String(message.id))?.()
          return
        }
        if (!("id" in message)) return
        const { id, method, params } = message
        if (method === "initialize") return run(greet(id))
        run(serve(id, String(params?.["call"])))
      }
      return resolved
    },
    close: () => {
      transport?.close()
      // Some handlers do not hear that nobody waits any more.
      for (const fiber of running) if (random.chance(0.7)) fiber.interruptUnsafe()
      return resolved
    }
  }
}

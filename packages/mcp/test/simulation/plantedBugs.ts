/**
 * Realistic mistakes, each planted into the running runtime or between it and its servers: proof that the simulation would see
 * them.
 */
import type { LinkReceiver, Outbound } from "@holdfast/mcp/Link"
import type * as JsonRpc from "@holdfast/protocol/JsonRpc"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import { CallCourse } from "../../src/internal/calls/CallCourse.ts"
import { Call } from "../../src/internal/connection/Call.ts"
import { Multiplexer } from "../../src/internal/connection/Multiplexer.ts"
import { Responder } from "../../src/internal/connection/Responder.ts"
import { ServerMemory } from "../../src/internal/pool/ServerMemory.ts"
import { HeldSubscriptions } from "../../src/internal/subscriptions/HeldSubscriptions.ts"
import { KeepOpen } from "../../src/internal/subscriptions/KeepOpen.ts"
import { ModernSync } from "../../src/internal/subscriptions/ModernSync.ts"
import { Subscriptions } from "../../src/internal/subscriptions/Subscriptions.ts"
import type { Link } from "../../src/Link.ts"
import type { Tamper } from "./McpSimulation.ts"

export interface PlantedBug {
  readonly name: string
  /** Plants it into the code and returns what removes it. */
  readonly plant?: () => () => void
  /** Puts it between the runtime and its servers. */
  readonly tamper?: Tamper
}

// Each plant knows the arguments of the one method it replaces; nothing checks that but the test itself.
type Method = (this: never, ...args: Array<never>) => unknown

/** Replaces one method, private ones too: this is a saboteur, not a client. */
const replace = (owner: object, name: string, make: (original: Method) => Method) => (): () => void => {
  const original: unknown = Reflect.get(owner, name)
  if (typeof original !== "function") throw new Error(`there is no method ${name}`)
  // Checked to be a function one line above.
  Reflect.set(owner, name, make(original as Method))
  return () => void Reflect.set(owner, name, original)
}

/** Wraps every link. */
const wrapLink =
  (wrap: (link: Link, receiver: LinkReceiver) => Link): Tamper => (open) => (options, receiver, direct) =>
    Effect.map(open(options, receiver, direct), (link) => wrap(link, receiver))

/** Wraps everything that goes out. What is wrapped stays the same object for `withdraw`. */
const wrapOutbound = (wrap: (outbound: Outbound) => Outbound | undefined): Tamper =>
  wrapLink((link) => {
    const wrapped = new WeakMap<Outbound, Outbound>()
    return {
      ...link,
      post: (outbound) => {
        const other = wrap(outbound)
        if (other === undefined) return
        wrapped.set(outbound, other)
        link.post(other)
      },
      withdraw: (outbound) => link.withdraw(wrapped.get(outbound) ?? outbound)
    }
  })

/** The same frame with something else told of its fate. */
const telling = (outbound: Outbound, other: Partial<Outbound>): Outbound => ({
  id: outbound.id,
  method: outbound.method,
  name: outbound.name,
  text: outbound.text,
  onQueued: () => outbound.onQueued?.(),
  onHandOff: () => outbound.onHandOff(),
  onSent: () => outbound.onSent(),
  onFailure: (failure) => outbound.onFailure(failure),
  ...other
})

/** Whatever the server writes, frames that wait are told that they wait. */
const toldWithEveryChunk: Tamper = (open) => (options, receiver, direct) => {
  const waiting = new Set<Outbound>()
  const told: LinkReceiver = {
    onMessage: (message) => {
      for (const outbound of waiting) outbound.onQueued?.()
      receiver.onMessage(message)
    },
    onMalformed: (frame) => receiver.onMalformed(frame),
    onClosed: (closed) => receiver.onClosed(closed)
  }
  const noted = wrapOutbound((outbound) => {
    waiting.add(outbound)
    return telling(outbound, {
      onHandOff: () => {
        waiting.delete(outbound)
        outbound.onHandOff()
      },
      onFailure: (failure) => {
        waiting.delete(outbound)
        outbound.onFailure(failure)
      }
    })
  })
  return noted(open)(options, told, direct)
}

export const plantedBugs: ReadonlyArray<PlantedBug> = [
  {
    name: "what throws between the removal of a call and its outcome loses the call",
    plant: replace(
      Multiplexer.prototype,
      "settle",
      (original) =>
        function(this: never, call: Call, outcome: Exit.Exit<unknown, { readonly code?: number }>) {
          const code = outcome._tag === "Failure" ? outcome.cause.reasons.find(Cause.isFailReason)?.error.code ?? 0 : 0
          const lost = Object.create(call, {
            resume: {
              value: () => {
                throw new TypeError(`${code} is no integer`)
              }
            }
          })
          Reflect.apply(original, this, [Number.isSafeInteger(code) ? call : lost, outcome])
        } as Method
    )
  },
  {
    name: "a handler that is interrupted from within answers nobody and keeps its place",
    plant: replace(
      Responder.prototype,
      "ended",
      (original) =>
        function(this: never, request: JsonRpc.Request, running: object, exit: Exit.Exit<object, unknown>) {
          if (exit._tag === "Failure" && Cause.hasInterruptsOnly(exit.cause)) return
          Reflect.apply(original, this, [request, running, exit])
        } as Method
    )
  },
  {
    name: "what is remembered of servers is never forgotten",
    plant: replace(ServerMemory.prototype, "trim", () => function() {})
  },
  {
    name: "a hard deadline begins anew with every chunk that comes while its call waits",
    plant: replace(Call.prototype, "begin", (original) =>
      function(this: Call, now?: number) {
        this.hard?.cancel()
        this.hard = undefined
        Reflect.apply(original, this, now === undefined ? [] : [now])
      } as Method),
    tamper: toldWithEveryChunk
  },
  {
    name: "a lost call is sent again without leave",
    plant: replace(
      CallCourse.prototype,
      "attempt",
      (original) =>
        function(this: CallCourse<unknown>) {
          this.call = { ...this.call, mayRepeat: Effect.succeed(true) }
          return Reflect.apply(original, this, [])
        }
    )
  },
  {
    name: "a call is sent again without end",
    plant: replace(
      CallCourse.prototype,
      "attempt",
      (original) =>
        function(this: CallCourse<unknown>) {
          this.repeats = 0
          return Reflect.apply(original, this, [])
        }
    )
  },
  {
    name: "every attempt has the whole deadline for itself",
    plant: replace(
      CallCourse.prototype,
      "attempt",
      (original) =>
        function(this: CallCourse<unknown>) {
          this.until = this.services.deadlines.now() + this.total
          return Reflect.apply(original, this, [])
        }
    )
  },
  {
    name: "the hand-off is not told, so that what was lost passes for not sent",
    tamper: wrapOutbound((outbound) => telling(outbound, { onHandOff: () => {} }))
  },
  {
    name: "the end of a link is told to none of its calls",
    plant: replace(Multiplexer.prototype, "onClosed", () => function() {})
  },
  {
    name: "a deadline that settles nobody",
    plant: replace(Multiplexer.prototype, "expire", () => function() {})
  },
  {
    name: "an answer goes to the call after its own",
    plant: replace(Multiplexer.prototype, "onMessage", (original) =>
      function(this: never, message: JsonRpc.Incoming) {
        const isOther = message._tag === "Success" && typeof message.id === "number" && message.id % 7 === 0
        Reflect.apply(original, this, [isOther ? { ...message, id: Number(message.id) + 1 } : message])
      } as Method)
  },
  {
    name: "progress is told to whoever asks next",
    plant: replace(Multiplexer.prototype, "onMessage", (original) =>
      function(this: never, message: JsonRpc.Incoming) {
        const params = message._tag === "Notification" ? message.params : undefined
        const isProgress = typeof params === "object" && params !== null && "progressToken" in params
        Reflect.apply(original, this, [
          isProgress ? { ...message, params: { ...params, progressToken: Number(params.progressToken) + 1 } } : message
        ])
      } as Method)
  },
  {
    name: "one caller's cancellation ends the connection for all",
    tamper: (open) => (options, receiver, direct) =>
      Effect.map(open(options, receiver, direct), (link) => ({
        ...link,
        forget: (id: JsonRpc.RequestId) => {
          link.forget(id)
          receiver.onClosed({ _tag: "PipeBroken", description: "somebody cancelled" })
        }
      }))
  },
  {
    name: "the server is not told of a cancellation",
    tamper: (open) => (options, receiver, direct) =>
      Effect.map(
        wrapOutbound((outbound) => outbound.method === "notifications/cancelled" ? undefined : outbound)(open)(
          options,
          receiver,
          direct
        ),
        (link) => ({ ...link, forget: () => {} })
      )
  },
  {
    name: "a frame that was taken back is sent later",
    tamper: wrapLink((link) => ({ ...link, withdraw: () => true }))
  },
  {
    name: "calls go out before the handshake is finished",
    tamper: wrapOutbound((outbound) => {
      if (outbound.method !== "notifications/initialized") return outbound
      outbound.onHandOff()
      outbound.onSent()
      return undefined
    })
  },
  {
    name: "a line of noise is taken for the end of the connection",
    plant: replace(
      Multiplexer.prototype,
      "onMalformed",
      (original) =>
        function(this: Multiplexer, frame: JsonRpc.Malformed) {
          if (frame.answerTo === undefined) return this.onClosed({ _tag: "PipeBroken", description: "noise" })
          Reflect.apply(original, this, [frame])
        } as Method
    )
  },
  {
    name: "a question is left without an answer",
    tamper: wrapOutbound((outbound) => {
      if (outbound.method !== "response" || !outbound.text.includes("accept")) return outbound
      outbound.onSent()
      return undefined
    })
  },
  {
    name: "a question that was refused is left without a word",
    tamper: wrapOutbound((outbound) => {
      if (outbound.method !== "response" || outbound.text.includes("accept")) return outbound
      outbound.onSent()
      return undefined
    })
  },
  {
    name: "a question is answered twice",
    tamper: wrapLink((link) => ({
      ...link,
      post: (outbound) => {
        link.post(outbound)
        if (outbound.method === "response") link.post(telling(outbound, { onSent: () => {} }))
      }
    }))
  },
  {
    name: "an answer goes to the question before its own",
    tamper: (open) => {
      let before: string | undefined
      return wrapOutbound((outbound) => {
        if (outbound.method !== "response") return outbound
        const content = /"content":.*\}/.exec(outbound.text)?.[0]
        const other = before
        before = content
        if (content === undefined || other === undefined) return outbound
        return telling(outbound, { text: outbound.text.replace(content, other) })
      })(open)
    }
  },
  {
    name: "a call comes back with the state of another one",
    tamper: (open) => {
      let before: string | undefined
      return wrapOutbound((outbound) => {
        const state = /"requestState":"[^"]*"/.exec(outbound.text)?.[0]
        if (state === undefined) return outbound
        const other = before ?? state
        before = state
        return telling(outbound, { text: outbound.text.replace(state, other) })
      })(open)
    }
  },
  {
    name: "a handler that was interrupted goes on",
    plant: replace(Responder.prototype, "close", () => function() {})
  },
  {
    name: "a new connection is not told what to tell of",
    plant: replace(Subscriptions.prototype, "promised", () => () => [])
  },
  {
    name: "a modern server is not told of other wishes",
    plant: replace(ModernSync.prototype, "wake", () => () => {})
  },
  {
    name: "a wish that was taken back is told again",
    plant: replace(Subscriptions.prototype, "removeResource", () => () => undefined)
  },
  {
    name: "a subscription ends in silence with its connection",
    plant: replace(HeldSubscriptions.prototype, "keepConnected", () => () => Effect.void)
  },
  {
    name: "nobody is told that something may have been missed",
    plant: replace(Subscriptions.prototype, "heard", () => () => {})
  },
  {
    name: "news come twice",
    plant: replace(Multiplexer.prototype, "onMessage", (original) =>
      function(this: never, message: JsonRpc.Incoming) {
        Reflect.apply(original, this, [message])
        const isNews = message._tag === "Notification" && message.method === "notifications/resources/updated"
        if (isNews) Reflect.apply(original, this, [message])
      } as Method)
  },
  {
    name: "what is to be kept warm is opened when it is called",
    plant: replace(KeepOpen.prototype, "keep", () => () => Effect.void)
  },
  {
    name: "what is kept warm is not what the name means now",
    plant: replace(KeepOpen.prototype, "renew", () => () => Effect.void)
  }
]

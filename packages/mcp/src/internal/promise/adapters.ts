/** Wraps the platform: functions of a program without Effect, as the runtime takes them. */
import * as Backoff from "@holdfast/core/Backoff"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as References from "effect/References"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import { AuthorizationRefused } from "../../AuthorizationRefused.ts"
import type { ClientHandlers, RequestDeclined } from "../../ClientHandlers.ts"
import type { AuthorizationHeaders, HttpAuthorizer } from "../../HttpAuthorizer.ts"
import type { LayerOptions } from "../../McpConnections.ts"
import * as OAuth from "../../OAuth.ts"
import type { RecorderOptions } from "../../Recorder.ts"
import * as Recording from "../../Recording.ts"
import { guardedListener } from "../calls/guardedListener.ts"
import { millisOf } from "../durations.ts"
import { unheldClock } from "../Lifeline.ts"
import { annotation } from "../pool/ConnectionLog.ts"
import type * as Contract from "./contract.ts"

/** The clock does not keep the program alive, and what is logged is on stderr: stdout is the program's. */
export const unheld = Layer.mergeAll(
  Layer.succeed(Clock.Clock, unheldClock(Clock.Clock.defaultValue())),
  Layer.succeed(Logger.LogToStderr, true)
)

/** What a function has thrown, or its promise rejected with. */
class Thrown extends Data.TaggedError("Thrown")<{ readonly thrown: unknown }> {}

/** What the function returns, or promises. Fails with what it throws, where that is meant for the other side; else it is a mistake. */
const called = <A, E = never>(
  run: (signal: AbortSignal) => A | PromiseLike<A>,
  isMeant: (thrown: unknown) => thrown is E
): Effect.Effect<A, E> =>
  Effect.catch(
    Effect.tryPromise({ try: async (signal) => run(signal), catch: (thrown) => new Thrown({ thrown }) }),
    ({ thrown }) => isMeant(thrown) ? Effect.fail(thrown) : Effect.die(thrown)
  )

// Another copy of this package has classes of its own.
const isDeclined = (thrown: unknown): thrown is RequestDeclined => Predicate.isTagged(thrown, "RequestDeclined")
const isRefused = (thrown: unknown): thrown is AuthorizationRefused =>
  Predicate.isTagged(thrown, "AuthorizationRefused")

export const handlers = (
  { elicitation, elicitationModes, roots, sampling }: Contract.Handlers
): ClientHandlers => {
  const answered = <A>(run: (signal: AbortSignal) => A | PromiseLike<A>) => called(run, isDeclined)
  return {
    elicitationModes,
    ...(roots && { roots: ({ server }) => answered((signal) => roots({ server, signal })) }),
    ...(sampling && {
      sampling: (params, { server }) => answered((signal) => sampling(params, { server, signal }))
    }),
    ...(elicitation && {
      elicitation: (params, { server }) => answered((signal) => elicitation(params, { server, signal }))
    })
  }
}

/** The authorizers that are made here, behind what programs see of them. */
const natives = new WeakMap<Contract.Authorizer, HttpAuthorizer>()

const revealed = (headers: AuthorizationHeaders): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(Redacted.value(value))]))

export const authorizer = (own: Contract.Authorizer): HttpAuthorizer =>
  natives.get(own) ?? {
    identity: own.identity,
    headers: Effect.map(
      called((signal) => own.headers(signal), isRefused),
      (headers) =>
        Object.fromEntries(
          Object.entries(headers).map(([name, value]) => [name, Redacted.make(value, { label: name })])
        )
    ),
    onChallenge: ({ sent, status, wwwAuthenticate }) => {
      const { onChallenge } = own
      return onChallenge === undefined
        ? Effect.fail(new AuthorizationRefused({ description: "the server refuses the credentials" }))
        : Effect.as(
          called((signal) => onChallenge({ status, wwwAuthenticate, sent: revealed(sent) }, signal), isRefused),
          "retry"
        )
    }
  }

/** It lives as long as the program: what runs in its Scope is a renewal, which ends by itself. */
const living = <A>(make: Effect.Effect<A, never, Scope.Scope>): A =>
  Effect.runSync(make.pipe(Scope.provide(Scope.makeUnsafe()), Effect.provide(unheld)))

const shownAs = (native: HttpAuthorizer): Contract.Authorizer => {
  const shown: Contract.Authorizer = {
    identity: native.identity,
    headers: (signal) => Effect.runPromise(Effect.map(native.headers, revealed), { signal }),
    onChallenge: ({ sent, status, wwwAuthenticate }, signal) => {
      const headers = Object.fromEntries(Object.entries(sent).map(([name, value]) => [name, Redacted.make(value)]))
      return Effect.runPromise(Effect.asVoid(native.onChallenge({ status, wwwAuthenticate, sent: headers })), {
        signal
      })
    }
  }
  natives.set(shown, native)
  return shown
}

export const tokens = ({ identity, timeout, token }: Contract.TokenSource): Contract.Authorizer => {
  if (timeout !== undefined) millisOf("timeout", timeout)
  return shownAs(living(OAuth.fromTokens({
    identity,
    timeout,
    token: Effect.map(
      Effect.tryPromise({ try: async (signal) => token(signal), catch: (thrown) => new Thrown({ thrown }) }),
      (value) => Redacted.make(value)
    )
  })))
}

export const oauth = (options: Contract.OAuthOptions): Contract.OAuthAuthorizer => {
  if (options.timeout !== undefined) millisOf("timeout", options.timeout)
  const native = living(OAuth.make(options))
  const finishing: Contract.OAuthAuthorizer = {
    ...shownAs(native),
    finish: (code) => Effect.runPromise(Effect.provide(native.finish(Redacted.make(code)), unheld))
  }
  natives.set(finishing, native)
  return finishing
}

const named = {
  fatal: "Fatal",
  error: "Error",
  warn: "Warn",
  info: "Info",
  debug: "Debug",
  trace: "Trace",
  none: "None"
} as const

const levels: Readonly<Record<string, Contract.LogLevel>> = {
  Fatal: "fatal",
  Error: "error",
  Warn: "warn",
  Info: "info",
  Debug: "debug",
  Trace: "trace"
}

/** Where the log goes, and how much of it. */
export const logging = (
  { logger, logLevel = "info" }: Pick<Contract.OpenOptions, "logger" | "logLevel">
): Layer.Layer<never> => {
  const minimum = Layer.succeed(References.MinimumLogLevel, named[logLevel])
  if (logger === undefined) return minimum
  const tell = guardedListener(logger, (error) => console.error("the logger that openMcp was given has failed:", error))
  const own = Logger.make<unknown, void>(({ cause, date, fiber, logLevel, message }) => {
    const parts = Array.isArray(message) ? message : [message]
    const words = parts.filter((part) => typeof part === "string" || typeof part === "number")
    const thrown = parts.find((part) => typeof part === "object") ??
      (cause.reasons.length > 0 ? Cause.squash(cause) : undefined)
    const server = fiber.getRef(References.CurrentLogAnnotations)[annotation]
    tell({
      level: levels[logLevel] ?? "info",
      message: words.join(" "),
      date,
      ...(typeof server === "string" && { server }),
      ...(thrown !== undefined && { error: thrown })
    })
  })
  return Layer.merge(minimum, Logger.layer([own]))
}

/** A recording is told as the text of its file. */
export const recorder = ({ to, ...options }: Contract.FlightRecorder): RecorderOptions => ({
  ...options,
  // What it returns is looked at: it may be a promise that rejects.
  to: typeof to === "string" ? to : (recording) => to(Recording.encode(recording))
})

/** The pauses between tries, as the schedule that they are. */
export const reconnect = (
  { factor, initial, jitter, max, times }: Contract.Reconnect
): NonNullable<LayerOptions["reconnect"]> => {
  if (factor !== undefined && !(factor >= 1)) throw new TypeError(`reconnect.factor: ${factor} is not at least 1`)
  if (jitter !== undefined && !(jitter >= 0 && jitter < 1)) {
    throw new TypeError(`reconnect.jitter: ${jitter} is not at least 0 and below 1`)
  }
  const growth = Backoff.schedule({
    initial: initial === undefined ? Backoff.defaults.initial : millisOf("reconnect.initial", initial),
    max: max === undefined ? Backoff.defaults.max : millisOf("reconnect.max", max),
    factor: factor ?? Backoff.defaults.factor,
    jitter: jitter ?? Backoff.defaults.jitter
  })
  return times === undefined ? growth : Schedule.upTo(growth, { times })
}

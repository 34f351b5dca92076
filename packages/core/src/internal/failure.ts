/**
 * Why a dial failed or a connection was lost, and the words for it.
 */
import type { DialFailure } from "../Backoff.ts"
import type { Classification } from "../Connector.ts"
import { DialDefect, DialFailed, DialTimeout, type PoolErrorReason } from "../PoolError.ts"
import { wordsOf } from "./words.ts"

/** A failure as the machine keeps it. An expired deadline and a defect carry no error of the connector's. */
export type Failure<E> =
  | { readonly _tag: "Failed"; readonly error: E; readonly as: Classification }
  | { readonly _tag: "TimedOut"; readonly millis: number }
  | { readonly _tag: "Unresponsive"; readonly millis: number }
  | { readonly _tag: "Defect"; readonly defect: unknown }

/** The connector's error, where there is one. */
export const errorOf = <E>(failure: Failure<E> | undefined): E | undefined =>
  failure?._tag === "Failed" ? failure.error : undefined

/** The connector's error, what it threw, or what there is to say instead. */
export const causeOf = (failure: Failure<unknown>): unknown => {
  switch (failure._tag) {
    case "Failed":
      return failure.error
    case "TimedOut":
      return `no connection within ${failure.millis} ms`
    case "Unresponsive":
      return `no sign of life for ${failure.millis} ms`
    case "Defect":
      return failure.defect
  }
}

/** The failure in words. */
export const describe = (failure: Failure<unknown> | undefined): string | undefined => {
  if (failure === undefined) return undefined
  return `${failure._tag === "Defect" ? "the connector broke: " : ""}${wordsOf(causeOf(failure))}`
}

/** The failure's kind, as a `reconnect` schedule sees it. */
export const kindOf = (failure: Failure<unknown>): DialFailure["kind"] => {
  switch (failure._tag) {
    case "Failed":
      return failure.as
    case "TimedOut":
      return "timeout"
    case "Unresponsive":
      return "unresponsive"
    case "Defect":
      return "defect"
  }
}

/** What the peer kept for the connection is gone, and the peer is well. */
export const isExpiry = (failure: Failure<unknown>): boolean => failure._tag === "Failed" && failure.as === "expired"

/** The error that callers get after a dial failed. */
export const reasonOf = <E>(
  key: string,
  failure: Failure<E>,
  attempts: number,
  how: { readonly permanent: boolean; readonly exhausted: boolean }
): PoolErrorReason<E> => {
  const { exhausted, permanent } = how
  switch (failure._tag) {
    case "Failed":
      return new DialFailed({ key, attempts, permanent, exhausted, cause: failure.error })
    case "Defect":
      return new DialDefect({ key, attempts, exhausted, cause: failure.defect })
    case "TimedOut":
    case "Unresponsive":
      return new DialTimeout({ key, timeoutMillis: failure.millis, attempts, exhausted })
  }
}

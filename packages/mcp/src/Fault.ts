/**
 * Something that goes wrong with what a recorded server says.
 *
 * Several faults at one place are one after the other: half of a line, and then the server is killed.
 *
 * @example
 * ```ts
 * import { Fault } from "@holdfast/mcp/Fault"
 *
 * export const diesInTheMiddle = [
 *   Fault.halfLine({ method: "tools/call", name: "write_file" }),
 *   Fault.kill({ method: "tools/call", name: "write_file" })
 * ]
 * ```
 */
import type * as JsonRpc from "@holdfast/protocol/JsonRpc"
import type * as Duration from "effect/Duration"
import type { ExitOptions } from "./internal/memory/memoryLink.ts"

/**
 * Which message of the server a fault is about: the so-manieth that it says, from 1, over all connections; or the answer to a request of this method
 * and of this tool, the first or the `nth`.
 */
export type FaultPlace = number | {
  readonly method?: string | undefined
  /** The name of the tool or prompt, or the uri of the resource. */
  readonly name?: string | undefined
  /** Default: 1. */
  readonly nth?: number | undefined
}

/** Something that goes wrong, made by `Fault`. */
export type Fault =
  | { readonly _tag: "DropAfter"; readonly messages: number }
  | { readonly _tag: "Delay"; readonly duration: Duration.Input; readonly at: FaultPlace | undefined }
  | { readonly _tag: "HalfLine"; readonly at: FaultPlace }
  | {
    readonly _tag: "Kill"
    readonly at: FaultPlace
    readonly code: number | undefined
    readonly signal: string | undefined
  }
  | { readonly _tag: "WrongId"; readonly at: FaultPlace; readonly id: JsonRpc.RequestId }
  | { readonly _tag: "Duplicate"; readonly at: FaultPlace }

/** Faults that can be put into what a recorded server says. */
export const Fault = {
  /** After so many messages nothing that the server says arrives any more. The connection stays open, as over a network that lost its way. */
  dropAfter: (messages: number): Fault => ({ _tag: "DropAfter", messages }),
  /** The message comes later by this time. Default: every message. */
  delay: (duration: Duration.Input, at?: FaultPlace): Fault => ({ _tag: "Delay", duration, at }),
  /** Half of the message's line comes, without a line end: what comes next is its other half. With `kill` at the same place nothing does. */
  halfLine: (at: FaultPlace): Fault => ({ _tag: "HalfLine", at }),
  /** The server is killed in the place of the message. Default: by SIGKILL. */
  kill: (at: FaultPlace, { code, signal }: ExitOptions = {}): Fault => ({ _tag: "Kill", at, code, signal }),
  /** The message bears an id that no request of the client has, or this one. */
  wrongId: (at: FaultPlace, id: JsonRpc.RequestId = "unasked"): Fault => ({ _tag: "WrongId", at, id }),
  /** The message comes twice. */
  duplicate: (at: FaultPlace): Fault => ({ _tag: "Duplicate", at })
} as const

/**
 * Faults, put into what a recorded server says.
 *
 * The faults of one message come in the order in which they are given.
 */
import type * as JsonRpc from "@holdfast/protocol/JsonRpc"
import * as Duration from "effect/Duration"
import type { Fault, FaultPlace } from "../../Fault.ts"
import type { ExitOptions } from "../memory/memoryLink.ts"
import { type Exchange, membersOf } from "./Script.ts"

/** What becomes of a message. */
export interface Spoilt {
  readonly delayMillis: number
  /** What is written in its place. */
  readonly bytes: string
  /** Then the server is killed. */
  readonly exit: ExitOptions | undefined
}

export class Faults {
  readonly #faults: ReadonlyArray<Fault>
  /** Messages that the server has said, over all connections. */
  #said = 0
  /** How many answers each fault has seen at its place. */
  readonly #seen = new Map<Fault, number>()

  constructor(faults: ReadonlyArray<Fault>) {
    this.#faults = faults
  }

  /** `exchange`: the request that the message answers; undefined for any other message. */
  spoil(message: object, exchange: Exchange | undefined): Spoilt {
    const number = ++this.#said
    let id: { readonly id?: JsonRpc.RequestId } = {}
    let delayMillis = 0
    let copies = 1
    let isHalf = false
    let isDropped = false
    let exit: ExitOptions | undefined
    for (const fault of this.#faults) {
      if (!this.#isHere(fault, number, exchange)) continue
      switch (fault._tag) {
        case "DropAfter":
          isDropped = true
          break
        case "Delay":
          delayMillis += Duration.toMillis(Duration.fromInputUnsafe(fault.duration))
          break
        case "HalfLine":
          isHalf = true
          break
        case "WrongId":
          id = { id: fault.id }
          break
        case "Duplicate":
          copies++
          break
        case "Kill":
          // After half of a line the other half is what is missing; alone it comes in the place of the message.
          isDropped ||= !isHalf
          exit = { code: fault.code, signal: fault.signal ?? (fault.code === undefined ? "SIGKILL" : undefined) }
          break
      }
    }
    const text = JSON.stringify({ ...message, ...id })
    const bytes = isDropped ? "" : isHalf ? text.slice(0, Math.ceil(text.length / 2)) : `${text}\n`.repeat(copies)
    return { delayMillis, bytes, exit }
  }

  #isHere(fault: Fault, number: number, exchange: Exchange | undefined): boolean {
    if (fault._tag === "DropAfter") return number > fault.messages
    const { at } = fault
    if (at === undefined) return true
    if (typeof at === "number") return at === number
    if (exchange === undefined || !isOf(at, exchange)) return false
    const seen = (this.#seen.get(fault) ?? 0) + 1
    this.#seen.set(fault, seen)
    return seen === (at.nth ?? 1)
  }
}

const isOf = ({ method, name }: Exclude<FaultPlace, number>, { message }: Exchange): boolean => {
  const { name: tool, uri } = membersOf(message.body)
  return (method === undefined || method === message.method) && (name === undefined || name === (tool ?? uri))
}

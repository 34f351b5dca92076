/** A connection over a link that only takes notes. Frames stay in its queue until `handOff`. */
import type { Link, Outbound } from "@holdfast/mcp/Link"
import * as Effect from "effect/Effect"
import { Multiplexer, type MultiplexerOptions } from "../../src/internal/connection/Multiplexer.ts"

export const noteTaker = (options: Partial<MultiplexerOptions> = {}, over: Partial<Link> = {}) => {
  const posted: Array<Outbound> = []
  const withdrawn: Array<Outbound> = []
  const forgotten: Array<unknown> = []
  const waiting = new Set<Outbound>()
  const link: Link = {
    post: (outbound) => {
      posted.push(outbound)
      waiting.add(outbound)
    },
    withdraw: (outbound) => {
      withdrawn.push(outbound)
      return waiting.delete(outbound)
    },
    forget: (id) => void forgotten.push(id),
    isCongested: () => true,
    setProtocolVersion: () => {},
    closed: Effect.never,
    received: () => 0,
    stderrTail: () => "",
    ...over
  }
  const handOff = (): void => {
    for (const outbound of [...waiting]) {
      waiting.delete(outbound)
      outbound.onHandOff()
    }
  }
  const armed: Array<{ readonly millis: number; readonly expire: () => void; isCancelled: boolean }> = []
  const clock = { now: 0 }
  const calls = new Multiplexer({
    server: "noted",
    url: "",
    deadlines: {
      arm: (millis, expire) => {
        const deadline = { millis, expire, isCancelled: false }
        armed.push(deadline)
        return {
          cancel: () => {
            deadline.isCancelled = true
          },
          renew: () => {}
        }
      },
      now: () => clock.now
    },
    redact: (text) => text,
    maxInFlight: 10,
    handlers: {},
    onNotification: () => {},
    fork: Effect.runFork,
    ...options
  })
  calls.attach(link)
  return { calls, link, posted, waiting, withdrawn, forgotten, handOff, armed, clock }
}

/**
 * Which recorded request a request is.
 *
 * Equal are the method and the parameters: whatever the order of members, without `_meta`, and without arguments where there are none. A secret that was
 * taken out of the recording is equal to anything. A handshake is recognized by its method alone: the clients differ, and no server minds.
 */
import { editDistance } from "../editDistance.ts"
import { isRawJSON } from "../recording/exactJson.ts"
import { redacted } from "../recording/redactBody.ts"
import { type Exchange, membersOf } from "./Script.ts"

/** What is asked for. */
export interface Asked {
  readonly method: string
  readonly params: unknown
}

export const isMatch = ({ message }: Exchange, asked: Asked): boolean =>
  message.method === asked.method &&
  (handshakes.has(asked.method) || isEqual(plain(message.body), plain(asked.params)))

/** In words: `tools/call of echo {"text":"hi"}`. */
export const describe = ({ method, params }: Asked): string => {
  const { arguments: given, name, uri, ...rest } = membersOf(plain(params))
  const what = typeof name === "string" ? name : typeof uri === "string" ? uri : undefined
  const others = Object.keys(rest).length > 0 ? rest : given
  const details = others === undefined ? "" : ` ${cut(JSON.stringify(others))}`
  return `${method}${what === undefined ? "" : ` of ${what}`}${details}`
}

/** The recorded request that is most like it: of the same method, and of the same tool, if there is one. */
export const nearest = (asked: Asked, exchanges: ReadonlyArray<Exchange>): Exchange | undefined => {
  const ofMethod = exchanges.filter(({ message }) => message.method === asked.method)
  const candidates = ofMethod.length > 0 ? ofMethod : exchanges
  const ofName = candidates.filter(({ message }) => nameOf(message.body) === nameOf(asked.params))
  const wanted = describe(asked)
  let best: Exchange | undefined
  let least = Number.POSITIVE_INFINITY
  for (const exchange of (ofName.length > 0 ? ofName : candidates).slice(0, mostCompared)) {
    const distance = editDistance(wanted, describeRecorded(exchange))
    if (distance >= least) continue
    least = distance
    best = exchange
  }
  return best
}

export const describeRecorded = ({ message: { body, method = "" } }: Exchange): string =>
  describe({ method, params: body })

const nameOf = (params: unknown): unknown => membersOf(params)["name"] ?? membersOf(params)["uri"]

const mostCompared = 200

/** The same handshake is made by every client in its own words. */
const handshakes = new Set(["initialize", "server/discover"])

const cut = (text: string): string => text.length > 200 ? `${text.slice(0, 200)}…` : text

/** Without what is the client's own, and without what says nothing. */
const plain = (params: unknown): unknown => {
  const { _meta, arguments: given, ...rest } = membersOf(params)
  return given === undefined || Object.keys(membersOf(given)).length === 0 && !Array.isArray(given)
    ? rest
    : { ...rest, arguments: given }
}

const isEqual = (recorded: unknown, asked: unknown): boolean => {
  if (typeof recorded === "string" && recorded.includes(redacted)) return isHidden(recorded, asked)
  if (Array.isArray(recorded)) {
    return Array.isArray(asked) && recorded.length === asked.length &&
      recorded.every((item, index) => isEqual(item, asked[index]))
  }
  if (!isObject(recorded) || !isObject(asked)) return JSON.stringify(recorded) === JSON.stringify(asked)
  const [own, other] = [membersOf(recorded), membersOf(asked)]
  const names = Object.keys(own)
  return names.length === Object.keys(other).length &&
    names.every((name) => Object.hasOwn(other, name) && isEqual(own[name], other[name]))
}

const isObject = (value: unknown): boolean =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !isRawJSON(value)

/** A text in which a secret was: the rest of it must be there. */
const isHidden = (recorded: string, asked: unknown): boolean => {
  if (recorded === redacted) return true
  const text = typeof asked === "string" ? asked : JSON.stringify(asked) ?? ""
  const [first = "", ...rest] = recorded.split(redacted)
  if (!text.startsWith(first)) return false
  let from = first.length
  for (const [index, part] of rest.entries()) {
    if (index === rest.length - 1) return text.slice(from).endsWith(part)
    const found = text.indexOf(part, from)
    if (found < 0) return false
    from = found + part.length
  }
  return true
}

/** What goes out in front of every body: the endpoint's own headers, checked once, and those that the protocol demands. */
import * as Revision from "@holdfast/protocol/Revision"
import * as ToolHeaders from "@holdfast/protocol/ToolHeaders"
import * as Redacted from "effect/Redacted"
import { Buffer } from "node:buffer"
import type { Outbound } from "../../Link.ts"

/** What the options of a link say about headers. */
export interface HeaderOptions {
  readonly url: string
  readonly headers: Readonly<Record<string, Redacted.Redacted>>
}

/** Why no request can be made of the options, without any value. */
export const faultOf = ({ headers, url }: HeaderOptions): string | undefined => {
  if (!URL.canParse(url)) return "the url is ill-formed"
  const { protocol } = new URL(url)
  if (protocol !== "http:" && protocol !== "https:") return `the url begins with ${protocol} instead of http: or https:`
  return faultOfHeaders(Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, String(Redacted.value(value))])
  ))
}

/** Why these headers cannot be sent, without any value. */
export const faultOfHeaders = (headers: Readonly<Record<string, string>>): string | undefined => {
  for (const [name, value] of Object.entries(headers)) {
    if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name)) return `${JSON.stringify(name)} is no name of a header`
    if (ofTheConnection.has(name.toLowerCase())) {
      return `the header ${name} belongs to the connection, which is not the endpoint's; take it out of the config`
    }
    if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) {
      return `the value of the header ${name} has characters that HTTP forbids`
    }
  }
  return undefined
}

/** undici refuses every request that has one of them. */
const ofTheConnection: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "expect",
  "keep-alive",
  "proxy-authorization",
  "transfer-encoding",
  "upgrade"
])

export class HttpHeaders {
  /** What no message may hold. */
  readonly secrets: ReadonlyArray<string>
  readonly #own: Readonly<Record<string, string>>
  #sessionId: string | undefined
  #revision: string | undefined
  /** Of every POST in the legacy era. Made anew when one of the two changes, not for every call. */
  #post: Readonly<Record<string, string>> = {}

  constructor(url: URL, headers: HeaderOptions["headers"]) {
    this.#own = ownHeaders(url, headers)
    this.secrets = [...Object.values(this.#own), decoded(url.password), url.password].filter((value) => value !== "")
    this.#prepare()
  }

  get sessionId(): string | undefined {
    return this.isModern ? undefined : this.#sessionId
  }

  set sessionId(sessionId: string | undefined) {
    this.#sessionId = sessionId
    this.#prepare()
  }

  set revision(revision: string | undefined) {
    this.#revision = revision
    this.#prepare()
  }

  /** True from revision 2026-07-28 on: no session, no stream but the answers. */
  get isModern(): boolean {
    return Revision.isModern(this.#revision)
  }

  ofPost({ headers, id, method, name }: Outbound): Readonly<Record<string, string>> {
    if (!this.isModern || id === undefined) return headers === undefined ? this.#post : { ...headers, ...this.#post }
    return {
      ...headers,
      ...this.#post,
      "mcp-method": method,
      ...(name !== undefined && { "mcp-name": ToolHeaders.encode(name) })
    }
  }

  ofGet(lastEventId: string): Readonly<Record<string, string>> {
    const headers = { ...this.#base, accept: "text/event-stream" }
    return lastEventId === "" ? headers : { ...headers, "last-event-id": lastEventId }
  }

  get ofDelete(): Readonly<Record<string, string>> {
    return this.#base
  }

  get #base(): Record<string, string> {
    const { sessionId } = this
    return {
      ...this.#own,
      // Nothing here undoes compression, so nothing can blow up.
      "accept-encoding": "identity",
      ...(this.#revision !== undefined && { "mcp-protocol-version": this.#revision }),
      ...(sessionId !== undefined && { "mcp-session-id": sessionId })
    }
  }

  #prepare(): void {
    this.#post = {
      ...this.#base,
      accept: "application/json, text/event-stream",
      "content-type": "application/json"
    }
  }
}

const ownHeaders = (url: URL, headers: HeaderOptions["headers"]): Readonly<Record<string, string>> => {
  const result: Record<string, string> = {}
  if (url.username !== "" || url.password !== "") {
    const credentials = `${decoded(url.username)}:${decoded(url.password)}`
    result["authorization"] = `Basic ${Buffer.from(credentials).toString("base64")}`
  }
  for (const [name, value] of Object.entries(headers)) result[name.toLowerCase()] = String(Redacted.value(value))
  return result
}

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    // A lone percent sign in a password is a percent sign.
    return text
  }
}

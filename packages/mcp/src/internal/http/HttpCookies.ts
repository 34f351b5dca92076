/**
 * The cookies of one connection: what its origin sets goes back to it, so that a balancer keeps the client at the replica that
 * knows its session.
 *
 * As RFC 6265 says, for one origin: by path, until they expire, `Secure` ones over https only, and none that is set for another
 * domain. They live in memory, as long as the connection, and are secrets: `values` are kept out of every message. Bounded: 50
 * cookies of 4096 bytes each.
 *
 * @see https://www.rfc-editor.org/rfc/rfc6265#section-5
 */

interface Cookie {
  readonly name: string
  readonly value: string
  readonly path: string
  readonly isSecure: boolean
  /** Wall-clock milliseconds; `Infinity` for one that lives as long as the connection. */
  readonly expiresAt: number
}

const mostCookies = 50
const mostBytes = 4096

export class HttpCookies {
  /** By name and path. */
  readonly #cookies = new Map<string, Cookie>()

  /** What no message may hold. */
  get values(): ReadonlyArray<string> {
    return [...this.#cookies.values()].map(({ value }) => value)
  }

  get isEmpty(): boolean {
    return this.#cookies.size === 0
  }

  /** Keeps what a response sets. True: there is something else to be sent. */
  store(setCookie: string | ReadonlyArray<string>, url: URL, nowMillis: number): boolean {
    let hasChanged = false
    for (const line of typeof setCookie === "string" ? [setCookie] : setCookie) {
      const cookie = parse(line, url, nowMillis)
      if (cookie === undefined) continue
      const key = `${cookie.name};${cookie.path}`
      const isOver = cookie.expiresAt <= nowMillis
      if (isOver ? this.#cookies.delete(key) : this.#cookies.get(key)?.value !== cookie.value) hasChanged = true
      if (isOver) continue
      this.#cookies.set(key, cookie)
      if (this.#cookies.size > mostCookies) {
        for (const oldest of this.#cookies.keys()) {
          this.#cookies.delete(oldest)
          break
        }
      }
    }
    return hasChanged
  }

  /** The header for a request, with what the user has configured in front; undefined where there is nothing to send. */
  headerFor(url: URL, own: string | undefined, nowMillis: number): string | undefined {
    if (this.#cookies.size === 0) return own
    const stated = new Set((own ?? "").split(";").map((pair) => pair.split("=")[0]?.trim()))
    const pairs = [...this.#cookies.values()]
      .filter(({ expiresAt, isSecure, name, path }) =>
        expiresAt > nowMillis && (!isSecure || url.protocol === "https:") && isWithin(url.pathname, path) &&
        !stated.has(name)
      )
      .toSorted((a, b) => b.path.length - a.path.length)
      .map(({ name, value }) => `${name}=${value}`)
    const all = own === undefined || own.trim() === "" ? pairs : [own, ...pairs]
    return all.length === 0 ? own : all.join("; ")
  }
}

const parse = (line: string, url: URL, nowMillis: number): Cookie | undefined => {
  const [pair = "", ...attributes] = line.split(";")
  const at = pair.indexOf("=")
  const name = pair.slice(0, at).trim()
  const value = pair.slice(at + 1).trim()
  // What HTTP forbids in a header would make every later request impossible.
  if (
    at < 1 || name === "" || line.length > mostBytes || !/^[\x21-\x7e\x80-\xff]+$/.test(name) ||
    !/^[\x20-\x7e\x80-\xff]*$/.test(value)
  ) {
    return undefined
  }
  const said = new Map<string, string>()
  for (const attribute of attributes) {
    const [key = "", ...rest] = attribute.split("=")
    said.set(key.trim().toLowerCase(), rest.join("=").trim())
  }
  const domain = said.get("domain")?.replace(/^\./, "").toLowerCase() ?? ""
  const host = url.hostname.toLowerCase()
  if (domain !== "" && domain !== host && !(host.endsWith(`.${domain}`) && domain.includes("."))) return undefined
  const path = said.get("path") ?? ""
  return {
    name,
    value,
    path: path.startsWith("/") ? path : defaultPath(url),
    isSecure: said.has("secure"),
    expiresAt: expiryOf(said, nowMillis)
  }
}

/** `Max-Age` has precedence over `Expires`; what is neither lasts. */
const expiryOf = (said: ReadonlyMap<string, string>, nowMillis: number): number => {
  const age = said.get("max-age")
  if (age !== undefined && /^-?\d{1,12}$/.test(age)) return Number(age) <= 0 ? 0 : nowMillis + Number(age) * 1000
  const date = Date.parse(said.get("expires") ?? "")
  return Number.isNaN(date) ? Number.POSITIVE_INFINITY : date
}

const defaultPath = ({ pathname }: URL): string => pathname.slice(0, Math.max(1, pathname.lastIndexOf("/")))

const isWithin = (path: string, scope: string): boolean =>
  path === scope || (path.startsWith(scope) && (scope.endsWith("/") || path[scope.length] === "/"))

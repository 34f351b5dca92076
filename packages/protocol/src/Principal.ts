/**
 * The identity behind a request, as the server's authenticator says: what sessions and jobs belong to.
 *
 * A principal is compared by its `id` alone. Without authentication there is exactly one, `local`, and a server that knows
 * no other serves loopback only. The id is a name, not a secret: it may appear in logs and listings; a token never does.
 *
 * @example
 * ```ts
 * import * as Principal from "@holdfast/protocol/Principal"
 *
 * const alice = Principal.make("alice", ["scans:read"])
 * export const isAlice = Principal.isSame(alice, Principal.make("alice"))
 * ```
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/security_best_practices#session-hijacking
 */

/** The identity that a request, a session or a job belongs to. */
export interface Principal {
  /** Names the principal to operators and tells it from others; never a token. */
  readonly id: string
  /** What the principal is allowed to do, as its token says. Empty if the authenticator knows no scopes. */
  readonly scopes: ReadonlyArray<string>
}

/** A principal of that id, and of these scopes if there are any. */
export const make = (id: string, scopes: ReadonlyArray<string> = []): Principal => ({ id, scopes })

/** The one principal of a server without authentication. */
export const local: Principal = make("local")

/** Whether both are the same principal. Scopes do not matter: they may change while a session lives. */
export const isSame = (a: Principal, b: Principal): boolean => a.id === b.id

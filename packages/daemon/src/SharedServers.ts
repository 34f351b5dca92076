/**
 * Wraps the platform: which servers of the legacy era are to be shared, because the user has said so by `holdfast share`.
 *
 * A server is its command and its arguments, wherever it is started from: what its processes are kept apart by otherwise (working
 * directory, environment) still counts. On disk it is a digest made with a secret of the user, since arguments may be secrets.
 *
 * @example
 * ```ts
 * import { DaemonPlace } from "@holdfast/daemon"
 * import * as SharedServers from "@holdfast/daemon/SharedServers"
 *
 * const place = DaemonPlace.open()
 * const digest = SharedServers.ensureDigest(place, { command: "npx", args: ["-y", "@modelcontextprotocol/server-memory"] })
 * SharedServers.add(place, { name: "memory", digest })
 * ```
 */
import { createHmac, randomBytes } from "node:crypto"
import * as fs from "node:fs"
import process from "node:process"
import { isNativeError } from "node:util/types"
import * as DaemonPlace from "./DaemonPlace.ts"
import { DaemonRefusal } from "./DaemonRefusal.ts"

/** A server that is to be shared. */
export interface SharedServer {
  /** As the user has called it; for people. */
  readonly name: string
  readonly digest: string
}

/** What a server is known by in the list: its command and its arguments, as they are written. */
export interface ServerCommand {
  readonly command: string
  readonly args: ReadonlyArray<string>
}

/** Those that are to be shared. Throws `DaemonRefusal` when the list cannot be read. */
export const list = ({ shared }: DaemonPlace.DaemonPlace): ReadonlyArray<SharedServer> => {
  const text = read(shared.list)
  if (text === undefined) return []
  const parsed = attempt(shared.list, (): unknown => JSON.parse(text))
  if (typeof parsed !== "object" || parsed === null || !("shared" in parsed) || !Array.isArray(parsed.shared)) {
    throw refusal(shared.list, "is no list of shared servers; remove it")
  }
  return parsed.shared.filter(isEntry)
}

/** What the list has for this server. Undefined: there is no secret yet, and so no list. */
export const digestOf = (place: DaemonPlace.DaemonPlace, server: ServerCommand): string | undefined => {
  const secret = read(place.shared.secret)
  return secret === undefined ? undefined : digest(secret, server)
}

/** Makes the secret if there is none, and digests the server. */
export const ensureDigest = (place: DaemonPlace.DaemonPlace, server: ServerCommand): string => {
  const found = digestOf(place, server)
  if (found !== undefined) return found
  DaemonPlace.openState(place)
  const { secret } = place.shared
  try {
    fs.writeFileSync(secret, `${randomBytes(32).toString("hex")}\n`, { mode: 0o600, flag: "wx" })
  } catch (error) {
    // Another program was faster, and its secret is as good.
    if (!isNativeError(error) || !("code" in error) || error.code !== "EEXIST") throw refusal(secret, wordsOf(error))
  }
  return ensureDigest(place, server)
}

/** Remembers that the server is to be shared, from the next session on. */
export const add = (place: DaemonPlace.DaemonPlace, server: SharedServer): void =>
  write(place, [...list(place).filter((each) => each.digest !== server.digest), server])

/** Forgets it. False: it was not there. */
export const remove = (place: DaemonPlace.DaemonPlace, digest: string): boolean => {
  const before = list(place)
  const after = before.filter((each) => each.digest !== digest)
  if (after.length < before.length) write(place, after)
  return after.length < before.length
}

const write = (place: DaemonPlace.DaemonPlace, servers: ReadonlyArray<SharedServer>): void => {
  DaemonPlace.openState(place)
  const { list: file } = place.shared
  attempt(file, () => {
    const fresh = `${file}.${process.pid}`
    fs.writeFileSync(fresh, `${JSON.stringify({ shared: servers }, undefined, 2)}\n`, { mode: 0o600 })
    fs.renameSync(fresh, file)
  })
}

const digest = (secret: string, { args, command }: ServerCommand): string =>
  createHmac("sha256", secret.trim()).update(JSON.stringify([command, ...args])).digest("hex")

const isEntry = (value: unknown): value is SharedServer =>
  typeof value === "object" && value !== null && "name" in value && typeof value.name === "string" &&
  "digest" in value && typeof value.digest === "string"

/** Undefined: there is no such file. */
const read = (file: string): string | undefined =>
  attempt(file, () => fs.existsSync(file) ? fs.readFileSync(file, "utf8") : undefined)

const attempt = <A>(file: string, f: () => A): A => {
  try {
    return f()
  } catch (error) {
    throw refusal(file, `cannot be used (${wordsOf(error)})`)
  }
}

const refusal = (file: string, fault: string): DaemonRefusal => new DaemonRefusal("NoPlace", `${file} ${fault}`)

const wordsOf = (error: unknown): string => isNativeError(error) ? error.message : String(error)

/**
 * The first line that a client sends, and the one line that the daemon answers. From then on both speak MCP as lines of JSON.
 *
 * This is the whole contract between programs of different years: a shim lives as long as its host, and meets daemons that are
 * newer than itself. What is added here later is optional, and what is not known is ignored by both sides.
 *
 * What a client says of itself (`program`, `pid`, `directory`) is its own word: it is shown and counted, and nothing is allowed
 * because of it.
 *
 * @example
 * ```ts
 * import { Hello } from "@holdfast/daemon"
 *
 * // The version of the daemon, or why it does not take the client.
 * export const told = (line: string): string => {
 *   const answer = Hello.decodeAnswer(line)
 *   if (answer === undefined) return "no daemon"
 *   return "error" in answer ? answer.error.message : `version ${answer.version}`
 * }
 * ```
 */
import type { RefusalCode } from "./DaemonRefusal.ts"

/** Raised only when an old client could not be served any more. */
export const protocol = 1

/** A command, as the client would start it. */
export interface WantedCommand {
  readonly command: string
  readonly args: ReadonlyArray<string>
  /** Absolute. Default: the client's directory. */
  readonly cwd?: string | undefined
  /** Set on top of what is handed down of the client's environment. */
  readonly env?: Readonly<Record<string, string>> | undefined
  /** True: the client's whole environment is handed down, but for what changes by session. */
  readonly inheritEnv?: boolean | undefined
}

/** A server behind a url, as the client would reach it. */
export interface WantedHttp {
  /** Absolute, `http:` or `https:`. */
  readonly url: string
  /** Default: `http`, Streamable HTTP. `sse`: the older transport. */
  readonly transport?: "http" | "sse" | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/** What a client wants to talk to. */
export type Wish =
  /** A server by its name in a config file, whose path is absolute. */
  | { readonly server: string; readonly config: string }
  /** A server by what it is; the name is for messages. */
  | { readonly endpoint: WantedCommand; readonly name?: string | undefined }
  /** A server behind a url by what it is; the name is for messages. */
  | { readonly http: WantedHttp; readonly name?: string | undefined }
  /** The daemon itself. */
  | { readonly daemon: true }

/** How a server is used: by a host that stays, or by a program that asks something and ends. */
export type Use = "host" | "once"

/** The first line of a client: its token, itself, and the server that it wants. */
export interface Hello {
  readonly holdfast: number
  readonly token: string
  readonly program: string
  readonly pid: number
  /** Absolute. */
  readonly directory: string
  readonly environment: Readonly<Record<string, string>>
  readonly wants: Wish
  /** Default: `host`. */
  readonly use?: Use | undefined
  /** True: hosts share a process of a legacy server. Default: what the config says, or false. */
  readonly shared?: boolean | undefined
  /** False: a process ends with its host. Default: what the config says, or true. */
  readonly handOn?: boolean | undefined
  /** True: the client knows the modern era only, and is told that a legacy server speaks it. Default: it finds that out, and says `initialize`. */
  readonly modern?: boolean | undefined
  /** True: the client goes to a newer daemon when it is told `movedLine`. Default: the older one passes on for it. */
  readonly moves?: boolean | undefined
}

/**
 * What a daemon that has made way says to a client that moves, once it has no process that is this client's alone: as soon as nothing of the client is
 * on the way, the client is to connect anew.
 */
export const movedLine = `{"jsonrpc":"2.0","method":"notifications/holdfast/moved"}`

/** The daemon's answer. */
export type Answer =
  | {
    readonly holdfast: number
    readonly version: string
    readonly pid: number
    /** True: it makes way for no newer one. It was started by a supervisor, which would only start it again. */
    readonly stays?: boolean | undefined
    /** True: it knows `CallRequest`. */
    readonly calls?: boolean | undefined
    /** True: it knows `ToolsRequest`. */
    readonly tools?: boolean | undefined
  }
  | { readonly holdfast: number; readonly error: { readonly code: RefusalCode; readonly message: string } }

/** The line for the socket, its end included. */
export const encode = (line: Hello | Answer): string => `${JSON.stringify(line)}\n`

/** Reads the client's line. A text is what is wrong with it. */
export const decodeHello = (line: string): Hello | string => {
  const value = objectIn(line)
  if (value === undefined) return "the first line is no JSON object"
  const { directory, environment, holdfast, pid, program, token, wants } = value
  if (typeof holdfast !== "number") return "holdfast: the number of the protocol is missing"
  if (typeof token !== "string") return "token: a text is missing"
  if (typeof program !== "string") return "program: a text is missing"
  if (typeof pid !== "number") return "pid: a number is missing"
  if (typeof directory !== "string" || !directory.startsWith("/")) return "directory: an absolute path is missing"
  if (!isTexts(environment)) return "environment: an object of texts is missing"
  const wish = wishOf(wants)
  if (typeof wish === "string") return `wants: ${wish}`
  const { handOn, modern, moves, shared, use } = value
  return {
    holdfast,
    token,
    program,
    pid,
    directory,
    environment,
    wants: wish,
    use: use === "once" ? "once" : "host",
    shared: typeof shared === "boolean" ? shared : undefined,
    handOn: typeof handOn === "boolean" ? handOn : undefined,
    modern: modern === true ? true : undefined,
    moves: moves === true ? true : undefined
  }
}

/** Reads the daemon's line. Undefined: it is none. */
export const decodeAnswer = (line: string): Answer | undefined => {
  const value = objectIn(line)
  if (value === undefined || typeof value["holdfast"] !== "number") return undefined
  const { calls, error, holdfast, pid, stays, tools, version } = value
  if (isMembers(error) && typeof error["message"] === "string") {
    return { holdfast, error: { code: codeOf(error["code"]), message: error["message"] } }
  }
  if (typeof version !== "string" || typeof pid !== "number") return undefined
  return {
    holdfast,
    version,
    pid,
    ...(calls === true && { calls }),
    ...(tools === true && { tools }),
    ...(stays === true && { stays })
  }
}

const wishOf = (wants: unknown): Wish | string => {
  if (!isMembers(wants)) return "an object is missing"
  if (wants["daemon"] === true) return { daemon: true }
  const { config, endpoint, http, name, server } = wants
  if (typeof server === "string") {
    return typeof config === "string" && config.startsWith("/")
      ? { server, config }
      : "config: an absolute path is missing"
  }
  const named = { name: typeof name === "string" ? name : undefined }
  if (isMembers(http)) {
    const { headers, transport, url } = http
    if (typeof url !== "string" || !/^https?:/i.test(url)) return "http.url: an absolute url is missing"
    if (headers !== undefined && !isTexts(headers)) return "http.headers: no object of texts"
    return { http: { url, transport: transport === "sse" ? "sse" : "http", headers }, ...named }
  }
  if (!isMembers(endpoint)) return "neither server nor endpoint nor http nor daemon"
  const { args, command, cwd, env, inheritEnv } = endpoint
  if (typeof command !== "string") return "endpoint.command: a text is missing"
  if (!Array.isArray(args) || !args.every((arg) => typeof arg === "string")) return "endpoint.args: texts are missing"
  if (cwd !== undefined && (typeof cwd !== "string" || !cwd.startsWith("/"))) return "endpoint.cwd: no absolute path"
  if (env !== undefined && !isTexts(env)) return "endpoint.env: no object of texts"
  return {
    endpoint: { command, args, cwd, env, inheritEnv: inheritEnv === true },
    ...named
  }
}

type Members = Readonly<Record<string, unknown>>

const isMembers = (value: unknown): value is Members =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const isTexts = (value: unknown): value is Readonly<Record<string, string>> =>
  isMembers(value) && Object.values(value).every((each) => typeof each === "string")

const codes: ReadonlyArray<RefusalCode> = ["NoPlace", "NotStarted", "NotRunning", "NotAdmitted", "BadWish"]

const codeOf = (value: unknown): RefusalCode => codes.find((code) => code === value) ?? "NotAdmitted"

const objectIn = (line: string): Members | undefined => {
  try {
    const value: unknown = JSON.parse(line)
    return isMembers(value) ? value : undefined
  } catch {
    // No JSON is no object either.
    return undefined
  }
}

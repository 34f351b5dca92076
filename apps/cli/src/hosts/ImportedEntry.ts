/**
 * An entry of another program's, as one of ours: the fields of the common format, and what could not be taken over.
 *
 * Placeholders stay placeholders, in the one way of writing that every reader of the common format knows. For a file that others may
 * read, such as one in a repository, what looks like a secret is replaced by a placeholder, and that is said.
 */
import { isMembers } from "../configText/ConfigText.ts"
import type { Host } from "./Host.ts"

export interface Imported {
  readonly entry: Readonly<Record<string, unknown>>
  /** Each is a sentence without its end. */
  readonly notes: ReadonlyArray<string>
}

export interface ImportOptions {
  readonly host: Host
  readonly server: string
  /** Where the entry is from, for messages. */
  readonly from: string
  /** Secrets are replaced by placeholders. */
  readonly isForOthers: boolean
}

/** Makes it. A text is the reason why there is nothing to take over. */
export const standard = (value: unknown, options: ImportOptions): Imported | string => {
  if (!isMembers(value)) return "it is no object"
  const adjusted = options.host.adjust?.(value) ?? { entry: value, notes: [] }
  return typeof adjusted === "string" ? adjusted : new Reading(adjusted.entry, [...adjusted.notes], options).done()
}

/** Approvals and descriptions, which change nothing. */
const free = new Set([
  "alwaysAllow",
  "autoApprove",
  "description",
  "display_name",
  "name",
  "source",
  "title",
  "trust",
  "bundled",
  "gallery",
  "version",
  "required"
])

class Reading {
  readonly #rest: Map<string, unknown>
  readonly #notes: Array<string>
  readonly #options: ImportOptions

  constructor(entry: Readonly<Record<string, unknown>>, notes: Array<string>, options: ImportOptions) {
    this.#rest = new Map(Object.entries(entry).filter(([, value]) => value !== null && value !== undefined))
    this.#notes = notes
    this.#options = options
  }

  done(): Imported | string {
    const entry: Record<string, unknown> = {}
    const command = this.#take("command", "cmd")
    const url = this.#take("httpUrl", "url", "serverUrl", "uri")
    const type = this.#take("type", "transport", "transportType")
    const args = this.#take("args", "arguments")
    const words = [...(Array.isArray(command) ? command : [command]), ...(Array.isArray(args) ? args : [])]
    if (command === undefined && url === undefined) return "it has neither a command nor a url"
    if (command !== undefined) {
      if (!words.every((word) => ["string", "number", "boolean"].includes(typeof word))) {
        return "its command is not made of words"
      }
      const [program = "", ...more] = unwrapped(words.map(String)).map((word) => this.#text(word))
      entry["command"] = program
      if (more.length > 0) entry["args"] = this.#arguments(more)
      this.#texts(entry, "env", "env", "environment")
      this.#copy(entry, "envFile", "envFile", "env_file")
      this.#copy(entry, "cwd", "cwd", "workingDirectory")
      const { cwd } = entry
      if (typeof cwd === "string" && !/^(?:\/|~|[A-Za-z]:|\$)/.test(cwd)) {
        this.#notes.push(`cwd ${cwd} is relative to the new file from now on`)
      }
    } else {
      if (typeof url !== "string") return "its url is no text"
      entry["type"] = /sse/i.test(String(type ?? "")) ? "sse" : "http"
      entry["url"] = this.#text(url)
      this.#texts(entry, "headers", "headers", "http_headers")
      this.#bearer(entry)
    }
    if (this.#isOff()) entry["disabled"] = true
    this.#copy(entry, "enabledTools", "enabledTools", "includeTools", "enabled_tools")
    this.#copy(entry, "disabledTools", "disabledTools", "excludeTools", "disabled_tools")
    this.#times(entry)
    this.#copy(entry, "holdfast", "holdfast")
    const lost = [...this.#rest.keys()].filter((name) => !free.has(name))
    if (lost.length > 0) this.#notes.push(`left out: ${lost.join(", ")}`)
    const inputs = [...JSON.stringify(entry).matchAll(/\$\{input:([^}]+)\}/g)].map(([, id = ""]) =>
      `HOLDFAST_INPUT_${id.toUpperCase().replaceAll(/\W/g, "_")}`
    )
    if (inputs.length > 0) this.#notes.push(`asks for an input: set ${[...new Set(inputs)].join(", ")}`)
    return { entry, notes: this.#notes }
  }

  /** The first of several names. */
  #take(...names: ReadonlyArray<string>): unknown {
    const name = names.find((each) => this.#rest.has(each))
    if (name === undefined) return undefined
    const value = this.#rest.get(name)
    this.#rest.delete(name)
    return value
  }

  #copy(entry: Record<string, unknown>, to: string, ...names: ReadonlyArray<string>): void {
    const value = this.#take(...names)
    if (Array.isArray(value) ? value.length > 0 : value !== undefined) {
      entry[to] = typeof value === "string" ? this.#text(value) : value
    }
  }

  #isOff(): boolean {
    const disabled = this.#take("disabled")
    const enabled = this.#take("enabled", "isActive")
    return disabled === true || disabled === "true" || enabled === false || enabled === "false"
  }

  #texts(entry: Record<string, unknown>, to: string, ...names: ReadonlyArray<string>): void {
    const said = this.#take(...names)
    if (!isMembers(said)) return
    const texts = Object.entries(said).filter(([, value]) => value !== null && value !== undefined)
    if (texts.length === 0) return
    entry[to] = Object.fromEntries(texts.map(([name, value]) => {
      const text = this.#text(String(value))
      return [name, this.#hidden(name, text, to === "env" ? name : undefined)]
    }))
  }

  #bearer(entry: Record<string, unknown>): void {
    const name = this.#take("bearer_token_env_var", "bearerTokenEnvVar", "bearerTokenEnv")
    if (typeof name !== "string") return
    entry["headers"] = { ...Object(entry["headers"]), Authorization: `Bearer \${${name}}` }
  }

  #arguments(words: ReadonlyArray<string>): ReadonlyArray<string> {
    return words.map((word, index) => {
      const [, flag = "", value] = /^(--?[\w-]+=)(.*)$/s.exec(word) ?? []
      if (value !== undefined) return flag + this.#hidden(flag, value)
      const before = words[index - 1] ?? ""
      return /^--?[\w-]+$/.test(before) && !word.startsWith("-") ? this.#hidden(before, word) : word
    })
  }

  /** What looks like a secret, as a placeholder where others may read it. */
  #hidden(name: string, value: string, variable?: string): string {
    if (!this.#options.isForOthers || !isSecret(name) || value === "" || /\$\{[^}]+\}/.test(value)) return value
    const own = variable ?? `${this.#options.server}_${name}`.toUpperCase().replaceAll(/\W+/g, "_").replace(/_$/, "")
    const [, scheme = ""] = /^((?:Bearer|Basic|token)\s+)/i.exec(value) ?? []
    this.#notes.push(`the value of ${name.replace(/=$/, "")} stays in ${this.#options.from}: set ${own}`)
    return `${scheme}\${${own}}`
  }

  /** `$NAME` as `${NAME}`; `{env:NAME}` too. */
  #text(text: string): string {
    const named = text.replaceAll(/(?<!\$)\{env:([A-Za-z_]\w*)\}/g, "${$1}")
    return this.#options.host.readsDollar === true
      ? named.replaceAll(/(?<![$\\])\$([A-Za-z_]\w*)/g, "${$1}")
      : named
  }

  #times(entry: Record<string, unknown>): void {
    const factor = this.#options.host.timeout === "seconds" ? 1000 : 1
    const call = this.#number("timeout")
    const seconds = this.#number("tool_timeout_sec")
    const whole = seconds === undefined ? call && call * factor : seconds * 1000
    if (whole !== undefined) entry["timeout"] = whole
    const start = this.#number("startup_timeout_sec")
    const connect = start === undefined
      ? this.#number("startup_timeout_ms") ?? this.#number("connectionTimeout")
      : start * 1000
    if (connect !== undefined) {
      entry["holdfast"] = { ...Object(this.#take("holdfast")), connectTimeout: connect }
    }
  }

  #number(name: string): number | undefined {
    const value = this.#rest.get(name)
    if (typeof value !== "number" || !Number.isFinite(value)) return undefined
    this.#rest.delete(name)
    return value
  }
}

/** Whether a value under this name is one that only its owner should see. */
export const isSecret = (name: string): boolean =>
  /key|token|secret|passw|credential|authorization|cookie|(?:^|[_-])(?:pat|auth|dsn)(?:$|[_=-])/i.test(name)

/** The command behind `holdfast wrap`. */
export const unwrapped = (words: ReadonlyArray<string>): ReadonlyArray<string> => {
  const end = isWrapped(words) ? words.indexOf("--") : -1
  return end < 0 || end === words.length - 1 ? words : words.slice(end + 1)
}

/** Whether a command is a shim of ours. */
export const isWrapped = ([program = "", word]: ReadonlyArray<unknown>): boolean =>
  typeof program === "string" && /(?:^|[\\/])holdfast(?:\.cmd|\.exe|\.cjs)?$/.test(program) &&
  (word === "wrap" || word === "connect")

/** A command or url in a line, without what looks like a secret. */
export const inShort = (entry: Readonly<Record<string, unknown>>): string => {
  const { args, command, url } = entry
  if (typeof url === "string") {
    return url.replace(/\/\/[^/@]*@/, "//…@").replace(/([?&][^=&]*(?:key|token|secret|auth)[^=&]*=)[^&]+/gi, "$1…")
  }
  const words = [command, ...(Array.isArray(args) ? args : [])].map(String)
  return words.map((word, index) => {
    const [, flag] = /^(--?[\w-]+=)/.exec(word) ?? []
    if (flag !== undefined) return isSecret(flag) ? `${flag}…` : word
    const before = words[index - 1] ?? ""
    if (/^--?[\w-]+$/.test(before) && isSecret(before) && !/^(?:-|\$\{)/.test(word)) return "…"
    return /^(?:sk-|ghp_|github_pat_|xox[abp]-|glpat-)/.test(word) ? "…" : word
  }).join(" ")
}

/**
 * A tool call over lines to a daemon, as long as everything is as it mostly is: the era is asked, the tools are listed, the words are read by the
 * tool's schema, the call is sent, and its answer is text. Loads no Effect. Pure: it knows no clock and no socket.
 *
 * Promises
 * - Nothing odd is judged here. Whatever is not plain ends it, and `asked` has the questions with the answers so far: the whole program
 *   goes on from there, and nothing is asked or called twice.
 * - The call is sent only if the whole program had sent the same.
 */
import * as Revision from "@holdfast/protocol/Revision"
import * as ArgumentReadings from "../ArgumentReadings.ts"
import { InputSchema } from "../InputSchema.ts"
import type { Given } from "../ToolWords.ts"
import { fits } from "./SimpleSchema.ts"

export interface HotCallOptions {
  readonly tool: string
  readonly given: Given
  /** The version of the program, for the server. */
  readonly version: string
  /** Gives the server lines, with their ends. */
  readonly toServer: (text: string) => void
  /** The tool has answered with text. */
  readonly onAnswer: (answer: PlainAnswer) => void
  /** Something is not plain. Called once, and nothing after it. */
  readonly onOdd: () => void
}

/** What nearly every answer is. */
export interface PlainAnswer {
  readonly text: string
  readonly isError: boolean
  /** The whole result. */
  readonly result: object
}

/** A question that was sent, by its id. */
export interface Asked {
  readonly method: string
  /** The line of its answer, once that has come. */
  answer: string | undefined
}

const discover = "server/discover"

export class HotCall {
  /** By ids, in the order of asking. */
  readonly asked = new Map<string, Asked>()
  readonly #options: HotCallOptions
  #meta: object | undefined
  #isOver = false

  constructor(options: HotCallOptions) {
    this.#options = options
  }

  /** The first question. The code that makes the connection sends it. */
  get opening(): string {
    return this.#question(discover, { _meta: this.#modern() })
  }

  /** A line of the server. False: it is not for this, and the whole program is to have it. */
  serverSaid(line: string): boolean {
    if (this.#isOver) return false
    const message = parse(line)
    const { id, method } = message
    // Nothing that is told without being asked is shown.
    if (id === undefined && typeof method === "string") return true
    const asked = typeof id === "string" ? this.asked.get(id) : undefined
    if (asked === undefined || asked.answer !== undefined || method !== undefined) {
      this.#odd()
      return false
    }
    asked.answer = line
    this.#answered(asked.method, message, line)
    return true
  }

  /** Nothing is done here any more: the whole program has it. */
  stop(): void {
    this.#isOver = true
  }

  #answered(method: string, { error, result }: Members, line: string): void {
    const members = isMembers(result) ? result : undefined
    if (members?.["resultType"] !== undefined && members["resultType"] !== "complete") return this.#odd()
    switch (method) {
      case discover:
        if (members !== undefined) {
          const { capabilities, supportedVersions } = members
          const isKnown = Array.isArray(supportedVersions) && supportedVersions.includes(Revision.latestModern) &&
            supportedVersions.every((each) => typeof each === "string")
          if (!isKnown || !isMembers(capabilities) || !isMembers(capabilities["tools"])) return this.#odd()
          this.#meta = this.#modern()
          return this.#options.toServer(this.#question("tools/list", {}))
        }
        // An error of the daemon's own says that there is no server.
        if (!isMembers(error) || isMembers(error["data"])) return this.#odd()
        return this.#options.toServer(
          this.#question("initialize", {
            protocolVersion: Revision.latestLegacy,
            capabilities: {},
            clientInfo: this.#clientInfo()
          }) + `${JSON.stringify({ jsonrpc: "2.0", method: "notifications/initialized" })}\n` +
            this.#question("tools/list", {})
        )
      case "initialize": {
        const { capabilities, protocolVersion, serverInfo } = members ?? {}
        const isPlain = typeof protocolVersion === "string" && Revision.isLegacy(protocolVersion) &&
          isMembers(capabilities) && isMembers(capabilities["tools"]) && isMembers(serverInfo) &&
          typeof serverInfo["name"] === "string" && typeof serverInfo["version"] === "string"
        return isPlain ? undefined : this.#odd()
      }
      case "tools/list":
        return this.#listed(members)
      default:
        return this.#called(members, line)
    }
  }

  #listed(members: Members | undefined): void {
    const { nextCursor, tools } = members ?? {}
    const { given, tool: name, toServer } = this.#options
    // The greeting of the server is as plain, or this were over.
    const isGreeted = this.#meta !== undefined ||
      [...this.asked.values()].every(({ answer, method }) => method !== "initialize" || answer !== undefined)
    if (!isGreeted || nextCursor !== undefined || !Array.isArray(tools) || !tools.every(isPlainTool)) return this.#odd()
    const names = tools.map((tool) => tool.name)
    const tool = tools[names.indexOf(name)]
    if (tool === undefined || new Set(names).size < names.length) return this.#odd()
    const schema = new InputSchema(tool.inputSchema)
    const { problems, readings } = ArgumentReadings.read(schema, given)
    if (problems.length > 0 || ArgumentReadings.unknownNames(schema, readings.keys()).length > 0) return this.#odd()
    const values = ArgumentReadings.first(readings)
    if (!fits(tool.inputSchema, values)) return this.#odd()
    toServer(this.#question("tools/call", { name, arguments: values }, true))
  }

  #called(members: Members | undefined, line: string): void {
    const { content, isError = false, structuredContent } = members ?? {}
    const isPlain = members !== undefined && Array.isArray(content) && content.every(isPlainText) &&
      typeof isError === "boolean" && (structuredContent === undefined || isMembers(structuredContent)) &&
      // Numbers that may not be what they were written as.
      !/\d{16}/.test(line)
    if (!isPlain) return this.#odd()
    const text = content.map((block) => block.text).join("\n")
    // Without a text it is the structured content that is shown.
    if (structuredContent !== undefined && text.trim() === "") return this.#odd()
    this.#isOver = true
    this.#options.onAnswer({ text, isError, result: members })
  }

  #odd(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#options.onOdd()
  }

  #question(method: string, params: object, wantsProgress = false): string {
    const id = `holdfast-${this.asked.size}`
    this.asked.set(id, { method, answer: undefined })
    const meta = { ...this.#meta, ...(wantsProgress && { progressToken: id }) }
    const all = Object.keys(meta).length > 0 ? { ...params, _meta: meta } : params
    return `${JSON.stringify({ jsonrpc: "2.0", id, method, params: all })}\n`
  }

  #clientInfo(): object {
    return { name: "holdfast", version: this.#options.version }
  }

  /** As in `ModernEra`, which loads Effect. */
  #modern(): object {
    return {
      "io.modelcontextprotocol/protocolVersion": Revision.latestModern,
      "io.modelcontextprotocol/clientInfo": this.#clientInfo(),
      "io.modelcontextprotocol/clientCapabilities": {}
    }
  }
}

interface PlainTool {
  readonly name: string
  readonly inputSchema: Members
}

/** One of which the whole program has nothing to tell. */
const isPlainTool = (tool: unknown): tool is PlainTool => {
  if (!isMembers(tool)) return false
  const { annotations, description, inputSchema, name, outputSchema, title } = tool
  return typeof name === "string" && isMembers(inputSchema) &&
    [undefined, "object"].some((type) => inputSchema["type"] === type) &&
    hasPlainProperties(inputSchema) &&
    [description, title].every((each) => each === undefined || typeof each === "string") &&
    [outputSchema, annotations].every((each) => each === undefined || isMembers(each)) &&
    (!isMembers(annotations) ||
      Object.entries(annotations).every(([hint, said]) => typeof said === (hint === "title" ? "string" : "boolean")))
}

const hasPlainProperties = ({ properties = {} }: Members): boolean =>
  isMembers(properties) && Object.values(properties).every((each) => isMembers(each) || typeof each === "boolean")

const isPlainText = (block: unknown): block is { readonly text: string } =>
  isMembers(block) && block["type"] === "text" && typeof block["text"] === "string"

type Members = Readonly<Record<string, unknown>>

const parse = (line: string): Members => {
  try {
    const value: unknown = JSON.parse(line)
    return isMembers(value) ? value : {}
  } catch {
    // Noise, for which the whole program has words.
    return {}
  }
}

const isMembers = (value: unknown): value is Members =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/**
 * The tools of a server as calls in the words of a command line need them: each with its schema compiled, once. Pure.
 *
 * Promises
 * - Nothing odd is judged here. A list or a greeting of which a client would have something to tell is undefined, and so are arguments
 *   that do not certainly fit: a client with all of a validator says what is wrong.
 * - A tool that must be called as a task is left to such a client, too.
 * - The arguments are the ones that such a client had sent.
 */
import * as Revision from "@holdfast/protocol/Revision"
import * as ArgumentReadings from "./ArgumentReadings.ts"
import type { CallRequest } from "./CallRequest.ts"
import * as ExactJson from "./ExactJson.ts"
import { InputSchema } from "./InputSchema.ts"
import type { Members } from "./RawMessage.ts"
import * as SimpleSchema from "./SimpleSchema.ts"

/** The arguments as JSON. Undefined: they may not fit. */
export type ReadArguments = (request: CallRequest) => string | undefined

/** By name. Undefined: the answer is not one page of plain tools. */
export const ofList = (result: unknown): ReadonlyMap<string, ReadArguments> | undefined => {
  if (!isMembers(result)) return undefined
  const { nextCursor, resultType = "complete", tools } = result
  if (resultType !== "complete" || nextCursor !== undefined || !Array.isArray(tools) || !tools.every(isPlainTool)) {
    return undefined
  }
  const found = new Map(tools.map((tool) => [tool.name, mustBeTask(tool) ? unreadable : reader(tool.inputSchema)]))
  return found.size < tools.length ? undefined : found
}

/** Whether the answer to `initialize` is one of which nothing is to be told. */
export const isPlainGreeting = (result: unknown): boolean => {
  const { capabilities, protocolVersion, serverInfo } = isMembers(result) ? result : {}
  return typeof protocolVersion === "string" && Revision.isLegacy(protocolVersion) && isMembers(capabilities) &&
    isMembers(capabilities["tools"]) && isMembers(serverInfo) &&
    typeof serverInfo["name"] === "string" && typeof serverInfo["version"] === "string"
}

/** The same of the answer to `server/discover`. */
export const isPlainDiscovery = (result: unknown): boolean => {
  const { capabilities, resultType = "complete", supportedVersions } = isMembers(result) ? result : {}
  return resultType === "complete" && Array.isArray(supportedVersions) &&
    supportedVersions.every((each) => typeof each === "string") && supportedVersions.includes(Revision.latestModern) &&
    isMembers(capabilities) && isMembers(capabilities["tools"])
}

/** A call that is a task goes on when it has been answered: it is for a client that knows what to do then. */
const mustBeTask = ({ execution }: PlainTool): boolean =>
  isMembers(execution) && execution["taskSupport"] === "required"

const unreadable: ReadArguments = () => undefined

/** Reads the words of calls by the schema, which is compiled when it is first needed. */
const reader = (inputSchema: Members): ReadArguments => {
  let compiled: { readonly schema: InputSchema; readonly fits: SimpleSchema.Fits } | undefined
  return (request) => {
    const given = givenBy(request)
    if (given === undefined) return undefined
    compiled ??= { schema: new InputSchema(inputSchema), fits: SimpleSchema.compile(inputSchema) }
    const { fits, schema } = compiled
    const { problems, readings } = ArgumentReadings.read(schema, given)
    if (problems.length > 0 || ArgumentReadings.unknownNames(schema, readings.keys()).length > 0) return undefined
    const values = ArgumentReadings.first(readings)
    return fits(values) ? JSON.stringify(values) : undefined
  }
}

const givenBy = ({ objects, words }: CallRequest): ArgumentReadings.Given | undefined => {
  try {
    const read = objects.map((object) => ExactJson.parse(object))
    if (!read.every(isMembers)) return undefined
    return {
      objects: read,
      words: words.map(([kind, name, text]) =>
        kind === "text" ? { _tag: "Text", name, text } : { _tag: "Value", name, value: ExactJson.parse(text) }
      )
    }
  } catch {
    // The client's own reader says what is wrong with it.
    return undefined
  }
}

interface PlainTool {
  readonly name: string
  readonly inputSchema: Members
  readonly execution?: unknown
}

/** One of which a client has nothing to tell. */
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

const isMembers = (value: unknown): value is Members =>
  typeof value === "object" && value !== null && !Array.isArray(value)

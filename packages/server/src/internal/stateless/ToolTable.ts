/**
 * What must be known of a tool before it is called: which arguments are said in headers too, and whether it can be a task.
 *
 * Asked once for each principal, because tools may depend on the principal, and again when a server says that its tools have changed.
 */
import * as ToolHeaders from "@holdfast/protocol/ToolHeaders"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { RequestServer } from "./RequestServer.ts"
import { isObject, type JsonObject } from "./StatelessRequest.ts"

export interface ToolTraits {
  readonly headers: ReadonlyArray<ToolHeaders.Mirrored>
  readonly tasks: "forbidden" | "optional" | "required"
}

type Tools = ReadonlyMap<string, ToolTraits>

/** Principals whose tools are kept. */
const kept = 1000

export class ToolTable {
  readonly #ofPrincipal = new Map<string, Tools>()

  /** Undefined: there is no such tool, as the server will say itself. */
  find(requestServer: RequestServer, name: string): Effect.Effect<ToolTraits | undefined> {
    const { principal } = requestServer.session
    const known = this.#ofPrincipal.get(principal.id)?.get(name)
    if (known !== undefined) return Effect.succeed(known)
    return Effect.map(listed(requestServer), (tools) => {
      this.#ofPrincipal.delete(principal.id)
      for (const oldest of this.#ofPrincipal.keys()) {
        if (this.#ofPrincipal.size < kept) break
        this.#ofPrincipal.delete(oldest)
      }
      this.#ofPrincipal.set(principal.id, tools)
      return tools.get(name)
    })
  }

  forget(principal: string): void {
    this.#ofPrincipal.delete(principal)
  }
}

/** Pages that are asked for. */
const maxPages = 100

const listed = Effect.fnUntraced(function*(requestServer: RequestServer): Effect.fn.Return<Tools> {
  const tools = new Map<string, ToolTraits>()
  let cursor: string | undefined
  for (let page = 0; page < maxPages; page++) {
    const answer = yield* requestServer.ask("tools/list", cursor === undefined ? {} : { cursor })
    const list = answer._tag === "Success" && isObject(answer.result) ? answer.result : {}
    // A tool that makes no sense harms no other.
    for (const tool of Array.isArray(list["tools"]) ? list["tools"] : []) {
      if (isObject(tool) && typeof tool["name"] === "string") tools.set(tool["name"], traitsOf(tool))
    }
    const next = list["nextCursor"]
    if (typeof next !== "string") break
    cursor = next
  }
  return tools
})

const traitsOf = ({ execution, inputSchema }: JsonObject): ToolTraits => {
  const tasks = isObject(execution) ? execution["taskSupport"] : undefined
  return {
    // Clients leave a tool out whose declaration breaks the rules: its headers are never said.
    headers: Result.getOrElse(ToolHeaders.declaredBy({ inputSchema }), () => []),
    tasks: tasks === "required" || tasks === "optional" ? tasks : "forbidden"
  }
}

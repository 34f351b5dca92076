/**
 * What must be known of a tool before it is called: which arguments are said in headers too, and whether it can be a task.
 *
 * Asked once for each principal, because tools may depend on who asks, and again when a server says that its tools have changed.
 */
import * as Messages from "@holdfast/protocol/Messages"
import * as ToolHeaders from "@holdfast/protocol/ToolHeaders"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { StandIn } from "./StandIn.ts"
import { isObject } from "./StatelessRequest.ts"

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
  find(standIn: StandIn, name: string): Effect.Effect<ToolTraits | undefined> {
    const { principal } = standIn.session
    const known = this.#ofPrincipal.get(principal.id)?.get(name)
    if (known !== undefined) return Effect.succeed(known)
    return Effect.map(listed(standIn), (tools) => {
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

const listed = Effect.fnUntraced(function*(standIn: StandIn): Effect.fn.Return<Tools> {
  const tools = new Map<string, ToolTraits>()
  let cursor: string | undefined
  for (let page = 0; page < maxPages; page++) {
    const answer = yield* standIn.ask("tools/list", cursor === undefined ? {} : { cursor })
    const list = Messages.decodeListToolsResult(answer._tag === "Success" ? answer.result : undefined)
    if (Result.isFailure(list)) break
    for (const tool of list.success.tools) tools.set(tool.name, traitsOf(tool))
    cursor = list.success.nextCursor
    if (cursor === undefined) break
  }
  return tools
})

const traitsOf = (tool: Messages.Tool): ToolTraits => {
  // Unknown members are kept.
  const { execution } = tool as Messages.Tool & { readonly execution?: unknown }
  const tasks = isObject(execution) ? execution["taskSupport"] : undefined
  return {
    // Clients leave a tool out whose declaration breaks the rules: nobody says its headers.
    headers: Result.getOrElse(ToolHeaders.declaredBy(tool), () => []),
    tasks: tasks === "required" || tasks === "optional" ? tasks : "forbidden"
  }
}

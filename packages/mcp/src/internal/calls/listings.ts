/**
 * The kinds of lists MCP knows.
 */
import * as Messages from "@holdfast/protocol/Messages"
import * as Prompts from "@holdfast/protocol/Prompts"
import * as Resources from "@holdfast/protocol/Resources"
import * as Tasks from "@holdfast/protocol/Tasks"
import { declaredBy } from "@holdfast/protocol/ToolHeaders"
import * as Result from "effect/Result"
import type { Listing } from "./listing.ts"

export const tools: Listing<Messages.ListToolsResult, Messages.Tool> = {
  method: "tools/list",
  capability: "tools",
  decode: Messages.decodeListToolsResult,
  items: (page) => page.tools,
  // The name is all that a call has.
  identity: ({ name }) => name,
  noun: "tool"
}

/** Over HTTP no call can be right of a tool that declares headers in a way that breaks the rules. */
export const toolsOverHttp: Listing<Messages.ListToolsResult, Messages.Tool> = {
  ...tools,
  fault: (tool) => {
    const declared = declaredBy(tool)
    return Result.isSuccess(declared) ? undefined : declared.failure
  }
}

export const resources: Listing<Resources.ListResourcesResult, Resources.Resource> = {
  method: "resources/list",
  capability: "resources",
  decode: Resources.decodeListResourcesResult,
  items: (page) => page.resources,
  identity: ({ name, uri }) => `${uri} ${name}`,
  noun: "resource"
}

export const resourceTemplates: Listing<Resources.ListResourceTemplatesResult, Resources.ResourceTemplate> = {
  method: "resources/templates/list",
  capability: "resources",
  decode: Resources.decodeListResourceTemplatesResult,
  items: (page) => page.resourceTemplates,
  identity: ({ name, uriTemplate }) => `${uriTemplate} ${name}`,
  noun: "resource template"
}

export const tasks: Listing<{ readonly tasks: ReadonlyArray<Tasks.Task>; readonly nextCursor?: string }, Tasks.Task> = {
  method: "tasks/list",
  capability: "tasks",
  decode: Tasks.decodeListTasksResult,
  items: (page) => page.tasks,
  identity: ({ taskId }) => taskId,
  noun: "task"
}

export const prompts: Listing<Prompts.ListPromptsResult, Prompts.Prompt> = {
  method: "prompts/list",
  capability: "prompts",
  decode: Prompts.decodeListPromptsResult,
  items: (page) => page.prompts,
  identity: ({ name }) => name,
  noun: "prompt"
}

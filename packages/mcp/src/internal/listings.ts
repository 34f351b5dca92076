/**
 * The kinds of lists MCP knows.
 */
import * as Messages from "@holdfast/protocol/Messages"
import * as Prompts from "@holdfast/protocol/Prompts"
import * as Resources from "@holdfast/protocol/Resources"
import type { Listing } from "./listing.ts"

export const tools: Listing<Messages.ListToolsResult, Messages.Tool> = {
  method: "tools/list",
  capability: "tools",
  decode: Messages.decodeListToolsResult,
  items: (page) => page.tools
}

export const resources: Listing<Resources.ListResourcesResult, Resources.Resource> = {
  method: "resources/list",
  capability: "resources",
  decode: Resources.decodeListResourcesResult,
  items: (page) => page.resources
}

export const resourceTemplates: Listing<Resources.ListResourceTemplatesResult, Resources.ResourceTemplate> = {
  method: "resources/templates/list",
  capability: "resources",
  decode: Resources.decodeListResourceTemplatesResult,
  items: (page) => page.resourceTemplates
}

export const prompts: Listing<Prompts.ListPromptsResult, Prompts.Prompt> = {
  method: "prompts/list",
  capability: "prompts",
  decode: Prompts.decodeListPromptsResult,
  items: (page) => page.prompts
}

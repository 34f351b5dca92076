/**
 * Jobs as tools, and as tasks, of an MCP server, and on its admin port.
 */
export * as JobAdmin from "./mcp/JobAdmin.ts"
export * as JobTasks from "./mcp/JobTasks.ts"
export * as JobTools from "./mcp/JobTools.ts"

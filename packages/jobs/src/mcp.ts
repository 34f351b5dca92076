/**
 * Jobs as tools, and as tasks, of an MCP server.
 */
export * as JobTasks from "./mcp/JobTasks.ts"
export * as JobTools from "./mcp/JobTools.ts"

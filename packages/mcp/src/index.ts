/**
 * Pooled, supervised connections to MCP servers.
 */
export * from "./ClientHandlers.ts"
export * from "./ConfigWarning.ts"
export * from "./Endpoint.ts"
export * from "./EndpointKey.ts"
export * from "./McpConfig.ts"
export * from "./McpConnection.ts"
export * from "./McpConnections.ts"
export * from "./McpRuntimeError.ts"
export * as Messages from "./Messages.ts"
export * as ModelSchema from "./ModelSchema.ts"
export * as ModelView from "./ModelView.ts"
export * from "./NearNames.ts"
export {
  type Catalog,
  type CatalogOptions,
  type CatalogTool,
  ToolCatalog,
  type UnavailableServer
} from "./ToolCatalog.ts"

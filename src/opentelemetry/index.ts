/**
 * Traces of Meridian for OpenTelemetry.
 *
 * @module
 */

export { type OpenTelemetryOptions, openTelemetryObserver } from './opentelemetry-observer.ts';

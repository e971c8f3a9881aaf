/** `meridian/scaling`: how many instances the load needs. */
export { type RequiredInstancesOptions, requiredInstances } from './required-instances.ts';

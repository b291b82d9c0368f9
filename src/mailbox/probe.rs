//! Test Connection: the steps from the name to the archive folder, each told as it happens.

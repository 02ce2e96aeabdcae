"""Files: written whole or not at all, npz and safetensors without pickle, unpacked within limits."""

"""ACE-Step 1.5, as diffusers' AceStepPipeline has it."""

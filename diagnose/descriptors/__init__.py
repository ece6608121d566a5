"""What can be measured in any recording, without a judge: tempo, key, loudness, repetition."""

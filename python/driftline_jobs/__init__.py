"""What driftline runs on a Ray cluster: it trains with TRL and PEFT, answers with vLLM, and looks inside with transformers."""

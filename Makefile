# Every command makes what it needs: on a fresh machine `make run` is enough.
#
#   PORT     port of the dashboard (8501)
#   ADDRESS  address it listens on (all of this machine's)
#   PYTHON   the Python to make the environment with (the first one that is new enough)
#   VENV     where the environment lies (.venv)
#   ARGS     passed on to pytest: make test ARGS="-k photo"
#   HOURS    time the detector may train (8)
#   SEED     the first of the walls that are rendered for training (3000); another one, other walls
#   INIT     the detector that training goes on from; empty: from random weights

VENV ?= .venv
ADDRESS ?=
ARGS ?=
HOURS ?= 8
SEED ?= 3000
SHIPPED := training/start/holds-yolo11n-seg.pt
INIT ?= $(SHIPPED)
# An empty PORT of the command line or the environment is none.
override PORT := $(or $(PORT),8501)
# In an address of the web, one of IPv6 stands in brackets.
SHOWN := $(if $(findstring :,$(ADDRESS)),[$(ADDRESS)],$(or $(ADDRESS),localhost))

BIN := $(VENV)/bin
RUN := $(BIN)/python
PIP := $(RUN) -m pip install --disable-pip-version-check
# Stamps: a step is done again only when a file that it depends on has changed.
MADE := $(VENV)/.made
SERVE := $(VENV)/.serve
FULL := $(VENV)/.full

# A trained detector learns on with larger tiles and smaller steps. Its mean with the shipped one that
# it came from does better than either; one with other classes has no mean with it.
FURTHER := $(if $(INIT),--init $(INIT) --side 640 --batch 8 --rate 0.0008)
MEAN := $(filter $(SHIPPED),$(INIT))
TRAINED := runs/detector/$(if $(MEAN),mean,best).pt

export PYTHON

.DEFAULT_GOAL := help
.PHONY: help venv run serve test check install train bench clean

help:  ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1@\2/p' $(firstword $(MAKEFILE_LIST)) | \
		while IFS=@ read -r name text; do printf '%-16s %s\n' "$$name" "$$text"; done

venv: $(MADE)  ## make the environment and install nothing into it

run: $(SERVE)  ## start the dashboard on http://localhost:8501
	@$(RUN) scripts/check_address.py "$(ADDRESS)" "$(PORT)"
	@echo "ClimbMate: http://$(SHOWN):$(PORT)  (Ctrl-C stops it)"
	@exec $(RUN) -m streamlit run streamlit_app.py --server.headless true \
		--browser.gatherUsageStats false --server.port $(PORT) \
		$(if $(ADDRESS),--server.address $(ADDRESS))

serve: $(SERVE)  ## start dashboard, REST and metrics in one process
	@exec env HOST="$(or $(ADDRESS),127.0.0.1)" PORT="$(PORT)" $(RUN) server.py

test: $(FULL)  ## run the tests
	$(RUN) -m pytest $(ARGS)

check: $(FULL)  ## lint, formatting and types
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

install: $(FULL)  ## install everything: serving, training, tests

train: $(FULL)  ## train the models and write them into weights/ (hours; needs real photos)
	$(RUN) -m training.truth
	$(RUN) -m training.walls --out runs/walls --count 640 --seed $(SEED)
	$(RUN) -m training.detector --walls runs/walls --run runs/detector --hours $(HOURS) $(FURTHER)
	$(if $(MEAN),$(RUN) -m training.averaging runs/detector/best.pt $(SHIPPED) $(TRAINED))
	$(RUN) -m training.colour --outlines runs/detector/outlines.pt --walls runs/walls \
		--run runs/colour
	$(RUN) -m training.convert embedded --detector $(TRAINED) \
		--colour runs/colour/clip --statistics runs/colour/statistics.npz
	$(RUN) -m training.judgement --run runs/judge
	$(RUN) -m training.convert embedded --judge runs/judge/judge.npz
	@echo "weights/ holds the trained models. Are they better? $(RUN) -m benchmarks.accuracy"
	@echo "The former ones come back with: git checkout weights"

bench: $(FULL)  ## measure everything that the README publishes (about an hour)
	for name in speed accuracy memory_limit load soak rerun debugger_cost preflight comparing; do \
		$(RUN) -m benchmarks.$$name || exit 1; done

clean:  ## remove the environment and the tools' caches; trained models and results stay
	@if [ -e "$(VENV)" ] && [ ! -e "$(VENV)/pyvenv.cfg" ]; then \
		echo "$(VENV) is no environment: it stays, and nothing is removed." >&2; exit 1; fi
	rm -rf "$(VENV)" .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(MADE): scripts/make_venv.sh scripts/find_python.sh
	sh scripts/make_venv.sh $(VENV)
	@touch $@

$(SERVE): requirements-serve.txt constraints.txt | $(MADE)
	$(PIP) -r requirements-serve.txt
	@touch $@

$(FULL): requirements.txt $(SERVE)
	$(PIP) -r requirements.txt
	@touch $@

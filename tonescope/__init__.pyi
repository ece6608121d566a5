"""The public names, and where each of them lives."""

from .diagnose.attribution.gradients import Attribution as Attribution
from .diagnose.attribution.gradients import attribute as attribute
from .diagnose.attribution.greedy_group_search import Search as Search
from .diagnose.attribution.greedy_group_search import greedy_group_search as greedy_group_search
from .diagnose.attribution.jacobi_prediction import (
    jacobi_prediction as jacobi_prediction,
)
from .diagnose.attribution.jacobi_prediction import (
    predicted_changes as predicted_changes,
)
from .diagnose.attribution.metrics import log_probability as log_probability
from .diagnose.attribution.metrics import margin as margin
from .diagnose.calibrating.fitting import FitOptions as FitOptions
from .diagnose.causes.interchange import other_prompts as other_prompts
from .diagnose.causes.muting_trials import MutingTrials as MutingTrials
from .diagnose.causes.screening import Screening as Screening
from .diagnose.causes.screening import screened_sites as screened_sites
from .diagnose.causes.search import SearchResult as SearchResult
from .diagnose.causes.search import search_causes as search_causes
from .diagnose.context import Context as Context
from .diagnose.context import SeedPlan as SeedPlan
from .diagnose.elsewhere.listen_schema import Listening as Listening
from .diagnose.intervene.controls import matched_controls as matched_controls
from .diagnose.intervene.edit_hooks import edited as edited
from .diagnose.intervene.interventions import Edit as Edit
from .diagnose.intervene.play import play as play
from .diagnose.intervene.recording import activations as activations
from .diagnose.intervene.source_activations import SourceActivations as SourceActivations
from .diagnose.intervene.verification import Variant as Variant
from .diagnose.intervene.verification import verify as verify
from .diagnose.jobs.audit import audit as audit
from .diagnose.jobs.calibrate import calibrate_judge as calibrate_judge
from .diagnose.jobs.confusion import confusion as confusion
from .diagnose.jobs.experiment import Experiment as Experiment
from .diagnose.jobs.listen import listen as listen
from .diagnose.microscope.caricature import CaricatureWish as CaricatureWish
from .diagnose.microscope.caricature import caricature as caricature
from .diagnose.microscope.deep_dream import DreamWish as DreamWish
from .diagnose.microscope.deep_dream import dream as dream
from .diagnose.microscope.feature_visualization import Wish as Wish
from .diagnose.microscope.feature_visualization import visualize_units as visualize_units
from .diagnose.microscope.layer_map import MapWish as MapWish
from .diagnose.microscope.layer_map import layer_map as layer_map
from .diagnose.microscope.microscope import Microscope as Microscope
from .diagnose.microscope.objectives import Objective as Objective
from .diagnose.microscope.objectives import channel as channel
from .diagnose.microscope.objectives import neuron as neuron
from .diagnose.prompts.leaving_out import without as without
from .diagnose.prompts.phrases import Phrase as Phrase
from .diagnose.prompts.phrases import phrases_in as phrases_in
from .diagnose.report.sounds import Sounds as Sounds
from .diagnose.runtime.judge_session import JudgeSession as JudgeSession
from .diagnose.runtime.run_queue import RunQueue as RunQueue
from .diagnose.runtime.session import Session as Session
from .diagnose.schema import Contrast as Contrast
from .diagnose.schema import Diagnosis as Diagnosis
from .diagnose.settings import Settings as Settings
from .diagnose.store.run_archive import export_run as export_run
from .diagnose.store.run_archive import import_run as import_run
from .diagnose.store.run_list import Run as Run
from .diagnose.store.traces import Trace as Trace
from .diagnose.store.traces import TraceSpec as TraceSpec
from .diagnose.store.traces import record as record
from .diagnose.store.workspace import Workspace as Workspace
from .models.errors import TonescopeError as TonescopeError
from .models.generator import Encodes as Encodes
from .models.generator import Generator as Generator
from .models.generator import Sampling as Sampling
from .models.generator import Takes as Takes
from .models.judges.judge import Judge as Judge
from .models.judges.listening import posterior as posterior
from .models.judges.tagger import Tagger as Tagger
from .models.judges.tagging import tag as tag
from .models.layout import Layout as Layout
from .models.loading import load_generator as load_generator
from .models.loading import load_judge as load_judge
from .models.loading import load_tagger as load_tagger
from .models.units import Location as Location
from .models.units import Unit as Unit
from .ui.server import ServerOptions as ServerOptions
from .ui.server import app as app
from .ui.server import launch as launch

"""The types that a part may hold without anybody being asked.

Each was looked at: what it computes with from a file is NumPy arrays, which check their own bounds,
or arrays that :mod:`stackens.sklearn_parts._soundness` checks. Not here, so that a user must trust
them by name, are those whose compiled code walks through memory by what a file says and which
nobody checks: trees of nearest neighbours.
"""

from __future__ import annotations

from collections.abc import Mapping

TREE = "sklearn.tree._tree.Tree"

_ESTIMATORS = {
    "sklearn.calibration": ("CalibratedClassifierCV",),
    "sklearn.cluster._kmeans": (
        "KMeans",
        "MiniBatchKMeans",
    ),
    "sklearn.compose._column_transformer": ("ColumnTransformer",),
    "sklearn.compose._target": ("TransformedTargetRegressor",),
    "sklearn.cross_decomposition._pls": (
        "CCA",
        "PLSCanonical",
        "PLSRegression",
        "PLSSVD",
    ),
    "sklearn.decomposition._factor_analysis": ("FactorAnalysis",),
    "sklearn.decomposition._fastica": ("FastICA",),
    "sklearn.decomposition._incremental_pca": ("IncrementalPCA",),
    "sklearn.decomposition._kernel_pca": ("KernelPCA",),
    "sklearn.decomposition._lda": ("LatentDirichletAllocation",),
    "sklearn.decomposition._nmf": ("NMF",),
    "sklearn.decomposition._pca": ("PCA",),
    "sklearn.decomposition._sparse_pca": (
        "MiniBatchSparsePCA",
        "SparsePCA",
    ),
    "sklearn.decomposition._truncated_svd": ("TruncatedSVD",),
    "sklearn.discriminant_analysis": (
        "LinearDiscriminantAnalysis",
        "QuadraticDiscriminantAnalysis",
    ),
    "sklearn.dummy": (
        "DummyClassifier",
        "DummyRegressor",
    ),
    "sklearn.ensemble._bagging": (
        "BaggingClassifier",
        "BaggingRegressor",
    ),
    "sklearn.ensemble._forest": (
        "ExtraTreesClassifier",
        "ExtraTreesRegressor",
        "RandomForestClassifier",
        "RandomForestRegressor",
        "RandomTreesEmbedding",
    ),
    "sklearn.ensemble._gb": (
        "GradientBoostingClassifier",
        "GradientBoostingRegressor",
    ),
    "sklearn.ensemble._hist_gradient_boosting.gradient_boosting": (
        "HistGradientBoostingClassifier",
        "HistGradientBoostingRegressor",
    ),
    "sklearn.ensemble._iforest": ("IsolationForest",),
    "sklearn.ensemble._stacking": (
        "StackingClassifier",
        "StackingRegressor",
    ),
    "sklearn.ensemble._voting": (
        "VotingClassifier",
        "VotingRegressor",
    ),
    "sklearn.ensemble._weight_boosting": (
        "AdaBoostClassifier",
        "AdaBoostRegressor",
    ),
    "sklearn.feature_extraction._dict_vectorizer": ("DictVectorizer",),
    "sklearn.feature_extraction._hash": ("FeatureHasher",),
    "sklearn.feature_extraction.text": (
        "CountVectorizer",
        "HashingVectorizer",
        "TfidfTransformer",
        "TfidfVectorizer",
    ),
    "sklearn.feature_selection._from_model": ("SelectFromModel",),
    "sklearn.feature_selection._rfe": (
        "RFE",
        "RFECV",
    ),
    "sklearn.feature_selection._sequential": ("SequentialFeatureSelector",),
    "sklearn.feature_selection._univariate_selection": (
        "GenericUnivariateSelect",
        "SelectFdr",
        "SelectFpr",
        "SelectFwe",
        "SelectKBest",
        "SelectPercentile",
    ),
    "sklearn.feature_selection._variance_threshold": ("VarianceThreshold",),
    "sklearn.frozen._frozen": ("FrozenEstimator",),
    "sklearn.impute._base": (
        "MissingIndicator",
        "SimpleImputer",
    ),
    "sklearn.impute._knn": ("KNNImputer",),
    "sklearn.isotonic": ("IsotonicRegression",),
    "sklearn.kernel_approximation": (
        "AdditiveChi2Sampler",
        "Nystroem",
        "RBFSampler",
        "SkewedChi2Sampler",
    ),
    "sklearn.kernel_ridge": ("KernelRidge",),
    "sklearn.linear_model._base": ("LinearRegression",),
    "sklearn.linear_model._bayes": (
        "ARDRegression",
        "BayesianRidge",
    ),
    "sklearn.linear_model._coordinate_descent": (
        "ElasticNet",
        "ElasticNetCV",
        "Lasso",
        "LassoCV",
        "MultiTaskElasticNet",
        "MultiTaskElasticNetCV",
        "MultiTaskLasso",
        "MultiTaskLassoCV",
    ),
    "sklearn.linear_model._glm.glm": (
        "GammaRegressor",
        "PoissonRegressor",
        "TweedieRegressor",
    ),
    "sklearn.linear_model._huber": ("HuberRegressor",),
    "sklearn.linear_model._least_angle": (
        "Lars",
        "LarsCV",
        "LassoLars",
        "LassoLarsCV",
        "LassoLarsIC",
    ),
    "sklearn.linear_model._logistic": (
        "LogisticRegression",
        "LogisticRegressionCV",
    ),
    "sklearn.linear_model._omp": (
        "OrthogonalMatchingPursuit",
        "OrthogonalMatchingPursuitCV",
    ),
    "sklearn.linear_model._passive_aggressive": (
        "PassiveAggressiveClassifier",
        "PassiveAggressiveRegressor",
    ),
    "sklearn.linear_model._perceptron": ("Perceptron",),
    "sklearn.linear_model._quantile": ("QuantileRegressor",),
    "sklearn.linear_model._ransac": ("RANSACRegressor",),
    "sklearn.linear_model._ridge": (
        "Ridge",
        "RidgeCV",
        "RidgeClassifier",
        "RidgeClassifierCV",
    ),
    "sklearn.linear_model._stochastic_gradient": (
        "SGDClassifier",
        "SGDRegressor",
    ),
    "sklearn.linear_model._theil_sen": ("TheilSenRegressor",),
    "sklearn.mixture._bayesian_mixture": ("BayesianGaussianMixture",),
    "sklearn.mixture._gaussian_mixture": ("GaussianMixture",),
    "sklearn.model_selection._classification_threshold": (
        "FixedThresholdClassifier",
        "TunedThresholdClassifierCV",
    ),
    "sklearn.model_selection._search": (
        "GridSearchCV",
        "RandomizedSearchCV",
    ),
    "sklearn.multiclass": (
        "OneVsOneClassifier",
        "OneVsRestClassifier",
    ),
    "sklearn.multioutput": (
        "ClassifierChain",
        "MultiOutputClassifier",
        "MultiOutputRegressor",
        "RegressorChain",
    ),
    "sklearn.naive_bayes": (
        "BernoulliNB",
        "CategoricalNB",
        "ComplementNB",
        "GaussianNB",
        "MultinomialNB",
    ),
    "sklearn.neighbors._nca": ("NeighborhoodComponentsAnalysis",),
    "sklearn.neighbors._nearest_centroid": ("NearestCentroid",),
    "sklearn.neural_network._multilayer_perceptron": (
        "MLPClassifier",
        "MLPRegressor",
    ),
    "sklearn.neural_network._rbm": ("BernoulliRBM",),
    "sklearn.pipeline": (
        "FeatureUnion",
        "Pipeline",
    ),
    "sklearn.preprocessing._data": (
        "Binarizer",
        "KernelCenterer",
        "MaxAbsScaler",
        "MinMaxScaler",
        "Normalizer",
        "PowerTransformer",
        "QuantileTransformer",
        "RobustScaler",
        "StandardScaler",
    ),
    "sklearn.preprocessing._discretization": ("KBinsDiscretizer",),
    "sklearn.preprocessing._encoders": (
        "OneHotEncoder",
        "OrdinalEncoder",
    ),
    "sklearn.preprocessing._function_transformer": ("FunctionTransformer",),
    "sklearn.preprocessing._label": (
        "LabelBinarizer",
        "LabelEncoder",
        "MultiLabelBinarizer",
    ),
    "sklearn.preprocessing._polynomial": ("PolynomialFeatures",),
    "sklearn.preprocessing._target_encoder": ("TargetEncoder",),
    "sklearn.random_projection": ("GaussianRandomProjection",),
    "sklearn.semi_supervised._self_training": ("SelfTrainingClassifier",),
    "sklearn.svm._classes": (
        "LinearSVC",
        "LinearSVR",
        "NuSVC",
        "NuSVR",
        "OneClassSVM",
        "SVC",
        "SVR",
    ),
    "sklearn.tree._classes": (
        "DecisionTreeClassifier",
        "DecisionTreeRegressor",
        "ExtraTreeClassifier",
        "ExtraTreeRegressor",
    ),
}

# Ours, which hold numbers and arrays only.
_TRANSFORMERS = {
    "stackens.preprocessing": (
        "HydraConvolutions",
        "RandomConvolutions",
        "SequenceDifferencer",
        "SequenceFlattener",
        "SequenceImputer",
        "SequencePadder",
        "SequencePatcher",
        "SequenceScaler",
        "SequenceSummarizer",
        "SequenceVectorizer",
        "SlidingWindows",
        "View",
    ),
}

# Parts of fitted estimators, and splitters.
_INTERNALS = {
    "sklearn._loss.link": (
        "HalfLogitLink",
        "IdentityLink",
        "Interval",
        "LogLink",
        "LogitLink",
        "MultinomialLogit",
    ),
    "sklearn.compose._column_transformer": ("_RemainderColsList",),  # of 1.6
    "sklearn._loss.loss": (
        "AbsoluteError",
        "ExponentialLoss",
        "HalfBinomialLoss",
        "HalfGammaLoss",
        "HalfMultinomialLoss",
        "HalfPoissonLoss",
        "HalfSquaredError",
        "HalfTweedieLoss",
        "HalfTweedieLossIdentity",
        "HuberLoss",
        "PinballLoss",
    ),
    "sklearn.calibration": ("_CalibratedClassifier", "_SigmoidCalibration", "_TemperatureScaling"),
    "sklearn.ensemble._hist_gradient_boosting.binning": ("_BinMapper",),
    "sklearn.ensemble._hist_gradient_boosting.predictor": ("TreePredictor",),
    "sklearn.model_selection._split": (
        "GroupKFold",
        "GroupShuffleSplit",
        "KFold",
        "LeaveOneGroupOut",
        "LeaveOneOut",
        "LeavePGroupsOut",
        "LeavePOut",
        "PredefinedSplit",
        "RepeatedKFold",
        "RepeatedStratifiedKFold",
        "ShuffleSplit",
        "StratifiedGroupKFold",
        "StratifiedKFold",
        "StratifiedShuffleSplit",
        "TimeSeriesSplit",
    ),
    "sklearn.neural_network._stochastic_optimizers": ("AdamOptimizer", "SGDOptimizer"),
    "sklearn.utils._metadata_requests": ("MetadataRequest", "MethodMetadataRequest"),
}

# Compiled losses that estimators hold; they have a number each, or nothing.
_LOSSES = {
    "sklearn._loss._loss": (
        "CyAbsoluteError",
        "CyExponentialLoss",
        "CyHalfBinomialLoss",
        "CyHalfGammaLoss",
        "CyHalfMultinomialLoss",
        "CyHalfPoissonLoss",
        "CyHalfSquaredError",
        "CyHalfTweedieLoss",
        "CyHalfTweedieLossIdentity",
        "CyHuberLoss",
        "CyPinballLoss",
    ),
    "sklearn.linear_model._sgd_fast": (
        "EpsilonInsensitive",
        "Hinge",
        "Huber",
        "Log",
        "ModifiedHuber",
        "SquaredEpsilonInsensitive",
        "SquaredHinge",
        "SquaredLoss",
    ),
}

# Functions that estimators hold as parameters.
_FUNCTIONS = {
    "numpy": (
        "abs",
        "absolute",
        "arctan",
        "cbrt",
        "cos",
        "exp",
        "exp2",
        "expm1",
        "log",
        "log10",
        "log1p",
        "log2",
        "negative",
        "reciprocal",
        "sign",
        "sin",
        "sqrt",
        "square",
        "tanh",
    ),
    "scipy.special": ("expit", "logit"),
    "sklearn.feature_selection._univariate_selection": (
        "chi2",
        "f_classif",
        "f_regression",
        "r_regression",
    ),
    "sklearn.utils.validation": ("check_array",),
}


def _names(table: Mapping[str, tuple[str, ...]]) -> frozenset[str]:
    return frozenset(f"{module}.{name}" for module, names in table.items() for name in names)


ESTIMATORS = _names(_ESTIMATORS)
INTERNALS = _names(_INTERNALS)
TRANSFORMERS = _names(_TRANSFORMERS)
LOSSES = _names(_LOSSES)
FUNCTIONS = _names(_FUNCTIONS)
